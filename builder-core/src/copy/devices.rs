//! Device nodes of a filesystem that its files do not show: a COPY of the directory that they are in takes them along.
//! Nothing can be made of them here, so they are noted, for the archive of the layer.

use std::collections::BTreeMap;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use rustix::fs::OFlags;

use super::place::shown;
use super::select::{Selected, Selection, patterns, prefix_of};
use super::{CopyError, CopyRequest, CopyTree};
use crate::build_context::scan::Node;
use crate::fs::PathContext;
use crate::fs::create::create_special_at;
use crate::fs::entry::{self, FileKind};
use crate::fs::root::{Follow, RootDir};
use crate::glob::Glob;
use crate::layer::{Attributes, Device, LeftOut};
use crate::plan::op::CopySource;

/// The device nodes that a COPY takes along.
#[derive(Debug)]
pub struct CopiedDevices {
    /// By the directory that is selected: where below, and what.
    selected: BTreeMap<PathBuf, Vec<(PathBuf, Device)>>,
    placed: Mutex<LeftOut>,
    /// Whether the destination shows nothing of what the layer will lie on.
    link: bool,
}

impl CopiedDevices {
    /// Finds those of `left_out` that are selected. With `link`, the destination is the layer alone.
    ///
    /// # Errors
    /// [`CopyError::DeviceNode`] where one is selected without the directory that it is in.
    pub(crate) fn find(
        left_out: &LeftOut,
        sources: &[CopySource],
        exclude: &[String],
        selection: &Selection,
        link: bool,
    ) -> Result<Self, CopyError> {
        let all = left_out.all();
        let mut found: BTreeMap<PathBuf, Vec<(PathBuf, Device)>> = BTreeMap::new();
        for (index, (source, matches)) in sources.iter().zip(&selection.sources).enumerate() {
            let include = match source {
                CopySource::Parents { pattern, .. } if !pattern.is_empty() => {
                    Some(patterns(index, std::slice::from_ref(pattern))?)
                }
                _ => None,
            };
            let exclude = patterns(index, exclude)?;
            let wanted = |below: &Path| {
                let path = below.to_string_lossy();
                include.as_ref().is_none_or(|patterns| patterns.matches(&path, false)) && !exclude.matches(&path, false)
            };
            for directory in matches.iter().filter(|selected| selected.is_directory()) {
                let below = |(path, device): (&PathBuf, &&Device)| {
                    let below = path.strip_prefix(&directory.path).ok().filter(|below| wanted(below))?;
                    Some((below.to_owned(), (*device).clone()))
                };
                for (below, device) in all.iter().filter_map(below).collect::<Vec<_>>() {
                    if !has_directory(directory, below.parent().unwrap_or(Path::new(""))) {
                        return Err(CopyError::DeviceNode { index, path: shown(&directory.path.join(below)) });
                    }
                    let nodes = found.entry(directory.path.clone()).or_default();
                    if !nodes.iter().any(|(known, _)| *known == below) {
                        nodes.push((below, device));
                    }
                }
            }
        }
        Ok(Self { selected: found, placed: Mutex::default(), link })
    }

    /// Tells whether there are none.
    pub(crate) fn is_empty(&self) -> bool {
        self.selected.is_empty()
    }

    /// The digest of what they are.
    pub(crate) fn digest(&self) -> [u8; 32] {
        let mut hasher = blake3::Hasher::new();
        for (directory, nodes) in &self.selected {
            for (below, Device { kind, attributes, .. }) in nodes {
                let Attributes { mode, uid, gid, mtime, device, .. } = attributes;
                for path in [directory, below] {
                    let bytes = path.as_os_str().as_bytes();
                    hasher.update(&(bytes.len() as u64).to_le_bytes());
                    hasher.update(bytes);
                }
                let text = format!("{kind} {mode} {uid} {gid} {mtime} {device:?}\n");
                hasher.update(text.as_bytes());
            }
        }
        *hasher.finalize().as_bytes()
    }

    /// Puts those of a selected directory into the place that its content came to.
    pub(super) fn put(&self, request: &CopyRequest<'_>, from: &Path, to: &Path) -> Result<(), CopyError> {
        let root = request.destination_root;
        for (below, device) in self.selected.get(from).into_iter().flatten() {
            let path = to.join(below);
            let (Some(name), parent) = (path.file_name(), path.parent().unwrap_or(Path::new(""))) else { continue };
            let directory = root.open_resolved(parent, OFlags::RDONLY | OFlags::DIRECTORY);
            let directory = directory.at("open directory", shown(parent))?;
            let before = entry::metadata_of(&directory).at("look at", shown(parent))?;
            match entry::metadata_at(&directory, name).at("look at", shown(&path))? {
                None => {}
                Some(found) if found.kind == FileKind::Directory => {
                    return Err(CopyError::ReplaceDirectory { path: shown(&path) });
                }
                Some(_) => entry::remove_at(&directory, name).at("remove", shown(&path))?,
            }
            if self.link {
                // What the layer will lie on may have something there.
                create_special_at(&directory, name, FileKind::CharDevice, (0, 0)).at("hide", shown(&path))?;
            }
            // The directory has to be in the layer.
            entry::set_times(&directory, before.atime, before.mtime).at("set times of", shown(parent))?;
            let mut attributes = device.attributes;
            attributes.mode = request.mode.map_or(attributes.mode, |change| change.apply(attributes.mode, false));
            (attributes.uid, attributes.gid) = request.owner.unwrap_or((attributes.uid, attributes.gid));
            // As with the nodes that can be made, a further name becomes a node of its own.
            let first = path.clone();
            let mut placed = self.placed.lock().unwrap_or_else(PoisonError::into_inner);
            placed.put(&path, Device { kind: device.kind, attributes, first, layer: 0 });
        }
        Ok(())
    }

    /// Adds those that no later source has put something else in the place of.
    ///
    /// # Errors
    /// [`CopyError::NonDirectory`] where that is a directory; [`CopyError::Path`].
    pub(crate) fn add_to(&self, all: &mut LeftOut, root: &RootDir) -> Result<(), CopyError> {
        let placed = self.placed.lock().unwrap_or_else(PoisonError::into_inner);
        for (path, device) in placed.all() {
            match root.find(&path, Follow::No)?.filter(|found| !found.is_whiteout()) {
                None => all.put(&path, device.clone()),
                Some(found) if found.kind == FileKind::Directory => {
                    return Err(CopyError::NonDirectory { path: shown(&path) });
                }
                Some(_) => {}
            }
        }
        Ok(())
    }
}

fn has_directory(selected: &Selected, below: &Path) -> bool {
    let mut node: &Node = &selected.node;
    for component in below.components() {
        let named = |child: &&Node| child.name == component.as_os_str();
        match node.children.iter().find(named) {
            Some(child) if child.metadata.kind == FileKind::Directory => node = child,
            _ => return false,
        }
    }
    true
}

/// Refuses sources that name one of the device nodes that the files do not show: a layer can only have them with the
/// directory that they are in.
///
/// # Errors
/// [`CopyError::DeviceNode`].
pub(crate) fn refuse_named(tree: &CopyTree<'_>, sources: &[CopySource], left_out: &LeftOut) -> Result<(), CopyError> {
    let all = left_out.all();
    if all.is_empty() {
        return Ok(());
    }
    for (index, source) in sources.iter().enumerate() {
        let (CopySource::Path { path: written, .. } | CopySource::Parents { base: written, .. }) = source else {
            continue;
        };
        let (prefix, pattern) = prefix_of(written);
        let Ok(resolved) = tree.root().resolve(Path::new(&prefix), Follow::Yes) else { continue };
        let Ok(glob) = Glob::new(&pattern) else { continue };
        for path in all.keys() {
            let named = path.strip_prefix(&resolved.path).is_ok_and(|below| glob.matches(&below.to_string_lossy()));
            if named {
                return Err(CopyError::DeviceNode { index, path: shown(path) });
            }
        }
    }
    Ok(())
}
