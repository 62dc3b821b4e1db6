//! Chains with more layers than an overlay takes.
//!
//! Overlayfs takes 500 lower directories, older kernels some sixty, and every one of them makes each mount and each
//! search for a name slower. So where a chain is long, each thirty-two layers of it are merged into one directory that
//! shows the same: files are hard links, what hides something below stays. Such a directory is found by the chain ID
//! up to its last layer, and chains that begin alike share it. It is made again when it is missing.

use std::collections::{BTreeSet, HashSet};
use std::ffi::OsString;
use std::fs;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use rustix::fs::XattrFlags;

use super::{SnapshotError, Snapshots};
use crate::digest::Digest;
use crate::fs::create::{create_directory_at, create_link_at, create_special_at};
use crate::fs::entry::{
    FileKind, MAX_TREE_DEPTH, Xattrs, metadata_at, metadata_of, names, open_directory_at, set_attributes, set_times,
};
use crate::fs::{PathContext, PathError};
use crate::layer::OverlayFlavor;

/// The longest chain that is mounted layer by layer. Kernels before 6.7 take the numbers of the directories in 255
/// bytes, the upper and the stub directory beside them.
const MAX_PLAIN_LAYERS: usize = 56;
/// How many layers one merged directory stands for. A part of its name: another number makes other directories.
const LAYERS_MERGED: usize = 32;

impl Snapshots {
    /// Returns directories that show a chain when they are mounted on each other, topmost first.
    ///
    /// # Errors
    /// [`SnapshotError::Missing`] where a layer is not there as files, [`SnapshotError::Path`] where layers cannot be
    /// merged.
    pub(super) fn lowers(&self, diff_ids: &[Digest]) -> Result<Vec<PathBuf>, SnapshotError> {
        let mut directories = self.directories(diff_ids)?;
        if directories.len() <= MAX_PLAIN_LAYERS {
            return Ok(without_repetition(directories));
        }
        let merged = diff_ids.len() / LAYERS_MERGED * LAYERS_MERGED;
        let chains = self.chain_ids(diff_ids.get(..merged).unwrap_or_default());
        // The topmost layers, fewer than a whole group, stay as they are.
        let groups = directories.split_off(diff_ids.len() - merged);
        let ends = chains.chunks(LAYERS_MERGED).rev().filter_map(|group| group.last());
        for (layers, end) in groups.chunks(LAYERS_MERGED).zip(ends) {
            directories.push(self.merged(layers, end)?);
        }
        Ok(without_repetition(directories))
    }

    /// Returns the directory that stands for these layers, topmost first.
    fn merged(&self, layers: &[PathBuf], end: &Digest) -> Result<PathBuf, SnapshotError> {
        let parent = self.store.root().join("merged");
        let place = parent.join(format!("{LAYERS_MERGED}-{}", end.hex()));
        if place.is_dir() {
            return Ok(place);
        }
        fs::create_dir_all(&parent).at("create directory", &parent)?;
        let work = self.store.work_dir()?;
        let made = work.path().join("merged");
        fs::create_dir(&made).at("create directory", &made)?;
        merge(layers, &made, self.flavor)?;
        match fs::rename(&made, &place) {
            // Another builder was faster.
            Err(_) if place.is_dir() => {}
            other => other.at("rename", &made)?,
        }
        Ok(place)
    }
}

/// Leaves each directory where it is topmost. Layers that are equal share a directory, which overlayfs takes once
/// (`ELOOP`); what the same layer would show further down is hidden by itself.
fn without_repetition(mut directories: Vec<PathBuf>) -> Vec<PathBuf> {
    let mut seen = HashSet::new();
    directories.retain(|directory| seen.insert(directory.clone()));
    directories
}

/// Makes `into`, which is empty, show what the layers, topmost first, show on each other.
fn merge(layers: &[PathBuf], into: &Path, flavor: OverlayFlavor) -> Result<(), PathError> {
    let open = |path: &Path| Ok(OwnedFd::from(fs::File::open(path).at("open", path)?));
    let stack = layers.iter().map(|layer| open(layer)).collect::<Result<Vec<_>, PathError>>()?;
    let mut merge = Merge { flavor, path: PathBuf::new() };
    let into = open(into)?;
    merge.directory(&stack, &into, 0)?;
    merge.attributes(&stack, &into, false)
}

struct Merge {
    flavor: OverlayFlavor,
    /// Where it is, for messages.
    path: PathBuf,
}

impl Merge {
    /// Fills a directory with what the directories of the stack show on each other.
    fn directory(&mut self, stack: &[OwnedFd], into: &OwnedFd, depth: usize) -> Result<(), PathError> {
        if depth > MAX_TREE_DEPTH {
            return Err(rustix::io::Errno::NAMETOOLONG).at("merge", &self.path);
        }
        let mut decided: BTreeSet<OsString> = BTreeSet::new();
        for (index, layer) in stack.iter().enumerate() {
            for name in names(layer).at("list", &self.path)? {
                if decided.contains(&name) {
                    continue;
                }
                self.path.push(&name);
                let metadata = metadata_at(layer, &name).at("examine", &self.path)?;
                match metadata {
                    Some(found) if found.kind == FileKind::Directory => {
                        let below = stack.get(index..).unwrap_or_default();
                        self.inner(below, &name, into, depth)?;
                    }
                    Some(found) if found.is_whiteout() => {
                        create_special_at(into, &name, FileKind::CharDevice, (0, 0)).at("hide", &self.path)?;
                    }
                    _ => create_link_at(layer, &name, into, &name).at("link", &self.path)?,
                }
                self.path.pop();
                decided.insert(name);
            }
        }
        Ok(())
    }

    /// Merges a directory that the first of the stack has.
    fn inner(&mut self, stack: &[OwnedFd], name: &OsString, into: &OwnedFd, depth: usize) -> Result<(), PathError> {
        let mut inner = Vec::new();
        // Whether nothing below these layers shows through.
        let mut opaque = false;
        for layer in stack {
            match metadata_at(layer, name).at("examine", &self.path)? {
                None => continue,
                Some(found) if found.kind == FileKind::Directory => {
                    let directory = open_directory_at(layer, name).at("open", &self.path)?;
                    opaque = self.flavor.is_opaque(&directory).unwrap_or(false);
                    inner.push(directory);
                }
                // A whiteout, or a file that was there before the directory.
                Some(_) => opaque = true,
            }
            if opaque {
                break;
            }
        }
        create_directory_at(into, name).at("create directory", &self.path)?;
        let made = open_directory_at(into, name).at("open", &self.path)?;
        self.directory(&inner, &made, depth + 1)?;
        self.attributes(&inner, &made, opaque)
    }

    /// Gives a directory what the topmost of the stack has, last of all, since filling it changes its time.
    fn attributes(&self, stack: &[OwnedFd], made: &OwnedFd, opaque: bool) -> Result<(), PathError> {
        let Some(top) = stack.first() else { return Ok(()) };
        let found = metadata_of(top).at("examine", &self.path)?;
        set_attributes(made, (found.uid, found.gid), found.mode, &Xattrs::of_file(top))
            .at("set attributes of", &self.path)?;
        if opaque {
            rustix::fs::fsetxattr(made, self.flavor.opaque(), b"y", XattrFlags::empty())
                .at("set attributes of", &self.path)?;
        }
        set_times(made, found.atime, found.mtime).at("set the times of", &self.path)
    }
}

#[cfg(test)]
pub(super) mod tests;
