//! Where a source lands: the destination side of a COPY, before anything is written.

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;
use rustix::io::Errno;

use super::CopyError;
use crate::fs::PathContext;
use crate::fs::entry::FileKind;
use crate::fs::name::single_name;
use crate::fs::root::{Follow, NewDirectory, Resolved, RootDir};

/// A directory that is ready to be written to.
#[derive(Debug)]
pub(super) struct Place {
    /// Where it is, free of links, relative to the root.
    pub(super) path: PathBuf,
    /// It.
    pub(super) directory: OwnedFd,
    /// Directories that had to be made, free of links.
    pub(super) created: Vec<PathBuf>,
}

/// Makes a directory ready, with all that lead to it.
pub(super) fn directory(root: &RootDir, path: &Path, new: NewDirectory) -> Result<Place, CopyError> {
    let (found, created) = match root.make_dirs(path, new) {
        Err(error) if is_not_directory(&error.source) => {
            return Err(CopyError::NotADirectory { path: shown(path) });
        }
        other => other?,
    };
    let opened = root.open_resolved(&found, OFlags::RDONLY | OFlags::DIRECTORY).at("open directory", shown(&found))?;
    Ok(Place { path: found, directory: opened, created })
}

/// Makes the place of a directory's contents ready.
pub(super) fn for_contents(root: &RootDir, destination: &str, new: NewDirectory) -> Result<Place, CopyError> {
    let resolved = resolve(root, destination)?;
    if resolved.metadata.is_some_and(|metadata| metadata.kind != FileKind::Directory) {
        return Err(CopyError::NonDirectory { path: clean(destination) });
    }
    directory(root, &resolved.path, new)
}

/// Makes the place of a single file ready, and says what it is called there: its own name in a directory,
/// else what the destination says. A link at the destination is followed, also one that leads to nothing.
pub(super) fn for_file(
    root: &RootDir,
    destination: &str,
    name: &OsStr,
    new: NewDirectory,
) -> Result<(Place, OsString), CopyError> {
    let resolved = resolve(root, destination)?;
    let is_directory = resolved.metadata.is_some_and(|metadata| metadata.kind == FileKind::Directory);
    if is_directory || destination.ends_with('/') {
        if resolved.metadata.is_some() && !is_directory {
            return Err(CopyError::NonDirectory { path: clean(destination) });
        }
        // What is written into the place is one entry of it, whoever named it.
        let own = single_name(name).at("create", Path::new(destination).join(name))?.to_owned();
        return Ok((directory(root, &resolved.path, new)?, own));
    }
    let parent = resolved.path.parent().unwrap_or(Path::new(""));
    let own = resolved.path.file_name().unwrap_or(name).to_owned();
    Ok((directory(root, parent, new)?, own))
}

fn resolve(root: &RootDir, destination: &str) -> Result<Resolved, CopyError> {
    match root.resolve(Path::new(destination), Follow::Yes) {
        Err(error) if is_not_directory(&error.source) => Err(CopyError::NotADirectory { path: clean(destination) }),
        other => Ok(other?),
    }
}

fn is_not_directory(error: &io::Error) -> bool {
    error.raw_os_error() == Some(Errno::NOTDIR.raw_os_error())
}

fn clean(destination: &str) -> PathBuf {
    let trimmed = destination.trim_end_matches('/');
    if trimmed.is_empty() { PathBuf::from("/") } else { shown(Path::new(trimmed)) }
}

/// A path relative to the root as it is called inside the image.
pub(super) fn shown(path: &Path) -> PathBuf {
    Path::new("/").join(path)
}
