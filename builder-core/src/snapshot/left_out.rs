//! Device nodes of a root filesystem that its files do not show.

use std::os::fd::OwnedFd;
use std::path::Path;

use super::{SnapshotError, Snapshots};
use crate::digest::Digest;
use crate::fs::PathContext;
use crate::fs::entry::{self, FileKind};
use crate::fs::root::{Follow, RootDir};
use crate::layer::{LeftOut, OverlayFlavor};

impl Snapshots {
    /// Returns the device nodes of a chain that the files of its layers are without.
    ///
    /// # Errors
    /// [`SnapshotError::Missing`] where a layer is not there as files, [`SnapshotError::Changed`] where it is not
    /// known which nodes it is without.
    pub fn left_out(&self, diff_ids: &[Digest]) -> Result<LeftOut, SnapshotError> {
        let mut left_out = LeftOut::default();
        for (index, diff_id) in diff_ids.iter().enumerate() {
            if !self.store.has_left_out(diff_id)? {
                continue;
            }
            let nodes = self.store.left_out(diff_id)?;
            if nodes.is_empty() {
                // It was unpacked before they were written down.
                if let Some((record, _)) = self.record(diff_ids.get(..=index).unwrap_or_default())? {
                    self.store.forget_snapshot(&record.directory)?;
                }
                return Err(SnapshotError::Changed { diff_id: *diff_id });
            }
            for (path, device) in nodes.all() {
                left_out.put(&path, device.clone());
            }
            // Of one layer and the next, what hides the nodes of those before shows in the files of both.
            let above = self.directories(diff_ids)?;
            for layer in above.iter().rev().skip(index + 1) {
                let layer = RootDir::open(layer)?;
                let hidden = nodes.all().into_keys().filter_map(|path| match hides(&layer, self.flavor, &path) {
                    Ok(false) => None,
                    other => Some(other.map(|_| path)),
                });
                for path in hidden.collect::<Result<Vec<_>, _>>()? {
                    left_out.remove(&path);
                }
            }
        }
        Ok(left_out)
    }
}

/// Whether what a layer directory has takes the place of a path below it, or hides it.
fn hides(layer: &RootDir, flavor: OverlayFlavor, path: &Path) -> Result<bool, SnapshotError> {
    let mut walked = std::path::PathBuf::new();
    for component in path.parent().into_iter().flat_map(Path::components) {
        walked.push(component);
        let Some(found) = layer.find(&walked, Follow::No)? else { return Ok(false) };
        if found.kind != FileKind::Directory {
            return Ok(true);
        }
        let directory: OwnedFd = layer.open_dir(&walked)?.into_fd();
        if flavor.is_opaque(&directory).unwrap_or(false) {
            return Ok(true);
        }
    }
    let parent = layer.open_dir(&walked)?.into_fd();
    let found = path.file_name().map(|name| entry::metadata_at(&parent, name)).transpose().at("examine", path)?;
    Ok(found.flatten().is_some())
}
