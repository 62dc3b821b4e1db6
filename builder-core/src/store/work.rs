//! Temporary files: one directory a process, held by a lock while the process lives.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use rustix::fs::FlockOperation;

use super::StoreError;
use crate::fs::PathContext;
use crate::fs::entry::remove_all_at;

/// The directory of this process below `work/`; it goes away with the last user of the store.
#[derive(Debug)]
pub(super) struct Work {
    directory: PathBuf,
    /// Held open: the lock says that this process lives.
    _lock: File,
}

impl Work {
    /// Removes what dead processes left and makes this process's own directory.
    pub(super) fn begin(parent: &Path) -> Result<Self, StoreError> {
        // One process at a time looks for leftovers, so that none takes a directory that is just being made.
        let gate = File::open(parent).at("open", parent)?;
        rustix::fs::flock(&gate, FlockOperation::LockExclusive).at("lock", parent)?;
        for entry in fs::read_dir(parent).at("list", parent)? {
            let entry = entry.at("list", parent)?;
            let abandoned = match File::open(entry.path().join("lock")) {
                Ok(lock) => rustix::fs::flock(&lock, FlockOperation::NonBlockingLockExclusive).is_ok(),
                // Made but not locked yet: its process died in between, since we hold the gate.
                Err(_) => true,
            };
            if abandoned {
                remove_tree(&entry.path())?;
            }
        }
        let directory = tempfile::Builder::new().prefix("process-").tempdir_in(parent).at("create in", parent)?.keep();
        let path = directory.join("lock");
        let lock = File::create(&path).at("create", &path)?;
        rustix::fs::flock(&lock, FlockOperation::LockExclusive).at("lock", &path)?;
        Ok(Self { directory, _lock: lock })
    }

    /// Returns the directory of this process.
    pub(super) fn path(&self) -> &Path {
        &self.directory
    }

    pub(super) fn directory(&self) -> Result<WorkDir, StoreError> {
        let made = tempfile::Builder::new().prefix("w").tempdir_in(&self.directory).at("create in", &self.directory)?;
        Ok(WorkDir { path: made.keep() })
    }

    pub(super) fn file(&self) -> Result<tempfile::NamedTempFile, StoreError> {
        Ok(tempfile::Builder::new().prefix("b").tempfile_in(&self.directory).at("create in", &self.directory)?)
    }
}

impl Drop for Work {
    fn drop(&mut self) {
        // What cannot be removed now is removed by the next process that opens the store.
        let _ = remove_tree(&self.directory);
    }
}

/// A temporary directory on the store's file system, removed when dropped.
#[derive(Debug)]
pub struct WorkDir {
    path: PathBuf,
}

impl WorkDir {
    /// Returns its path.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for WorkDir {
    fn drop(&mut self) {
        // As with the process's directory: the next process tries again.
        let _ = remove_tree(&self.path);
    }
}

/// Removes a tree by descriptors, whatever the modes of its directories.
pub(crate) fn remove_tree(path: &Path) -> Result<(), StoreError> {
    let (parent, name) = (path.parent().unwrap_or(Path::new("/")), path.file_name().unwrap_or(OsStr::new("")));
    let directory = File::open(parent).at("open", parent)?;
    Ok(remove_all_at(directory, name).at("remove", path)?)
}
