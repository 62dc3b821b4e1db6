//! Parts of a chain that one layer has alone.
//!
//! An overlay takes its time for every name, and again when it goes away. What only one of its directories has, whole,
//! is the same without it. It is found as overlayfs finds things (kernel documentation, `filesystems/overlayfs`): from
//! the topmost directory down, until something hides what is below. Layers hold no redirects and no copies of metadata
//! alone: mounts are made without ([`crate::sys::mount::overlay`]), and archives with such marks lose them.

use std::fs::File;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use super::{SnapshotError, Snapshots};
use crate::digest::Digest;
use crate::fs::entry::{FileKind, metadata_at, open_directory_at};
use crate::layer::OverlayFlavor;
use crate::sys::mount;

impl Snapshots {
    /// Opens the root filesystem of a chain for reading what is at some paths: files, or directories with all that is
    /// in them. Where one layer has all of that alone, other paths may show less than the filesystem has, and in
    /// directories that layers hide something from there may be whiteouts.
    ///
    /// # Errors
    /// As [`Snapshots::view`].
    pub fn view_of(&self, diff_ids: &[Digest], paths: &[PathBuf]) -> Result<OwnedFd, SnapshotError> {
        let directories = self.lowers(diff_ids)?;
        if directories.len() > 1
            && let Some(sole) = sole(&directories, paths, self.flavor)
        {
            // A read-only clone: nothing that is read gets another time.
            return Ok(mount::overlay(&[sole], None, self.flavor == OverlayFlavor::User)?);
        }
        self.mounted(&directories)
    }
}

/// Returns the one of these directories, topmost first, that has all the paths alone when they lie on each other. None
/// where there is any doubt.
fn sole<'d>(directories: &'d [PathBuf], paths: &[PathBuf], flavor: OverlayFlavor) -> Option<&'d Path> {
    let opened: Vec<OwnedFd> =
        directories.iter().map(|path| File::open(path).map(OwnedFd::from).ok()).collect::<Option<_>>()?;
    // Newer kernels know whiteouts that are files, in layers that say so at their root.
    if !opened.iter().all(|root| matches!(flavor.is_opaque(root), Ok(false))) {
        return None;
    }
    let mut found = paths.iter().map(|path| owner(&opened, path, flavor));
    let first = found.next()??;
    if found.all(|other| other == Some(first)) { directories.get(first).map(PathBuf::as_path) } else { None }
}

/// Which of the directories has a path alone: a regular file, or a directory in which no other one has anything. No
/// part of it may be a link.
fn owner(roots: &[OwnedFd], path: &Path, flavor: OverlayFlavor) -> Option<usize> {
    let mut names = path.iter().peekable();
    names.peek()?;
    // The directories that are laid on each other at this point; first of all the roots, which nothing hides.
    let mut stack: Vec<(usize, OwnedFd)> = Vec::new();
    let mut at_root = true;
    while let Some(name) = names.next() {
        let mut inner = Vec::new();
        let here: Vec<(usize, &OwnedFd)> = if at_root {
            roots.iter().enumerate().collect()
        } else {
            stack.iter().map(|(index, directory)| (*index, directory)).collect()
        };
        for (index, directory) in here {
            let Some(found) = metadata_at(directory, name).ok()? else { continue };
            if found.kind == FileKind::Directory {
                let opened = open_directory_at(directory, name).ok()?;
                let opaque = flavor.is_opaque(&opened).ok()?;
                inner.push((index, opened));
                if opaque {
                    break;
                }
                continue;
            }
            // It hides what is below. Itself it is seen where nothing is above it.
            if inner.is_empty() && found.kind == FileKind::File && names.peek().is_none() {
                return Some(index);
            }
            break;
        }
        (stack, at_root) = (inner, false);
    }
    let [(index, _)] = &*stack else { return None };
    Some(*index)
}

#[cfg(test)]
mod tests;
