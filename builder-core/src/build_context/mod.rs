//! The files of a build context after ignore rules, where its Dockerfile is, and contexts that arrive as tar.
//!
//! A context is read in place: nothing is sent anywhere. What a COPY may see is decided in one place,
//! [`scan::Scanner`], for the copy itself and for the digest of what would be copied alike.

mod archive;
mod error;
pub mod fingerprints;
mod locate;
pub mod scan;

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

pub(crate) use archive::is_archive;
pub use archive::{StreamKind, sniff, unpack};
pub use error::ContextError;
pub use locate::{Located, LocatedDockerfile, ignore_file, locate, locate_inside};

use crate::dockerignore::Patterns;
use crate::fs::root::RootDir;
use fingerprints::Fingerprints;

/// A local directory that COPY takes files from, seen through its ignore file.
#[derive(Debug)]
pub struct Context {
    root: RootDir,
    ignore: Option<Patterns>,
    keeps_owner: bool,
    /// Where it is, for a directory of the host that is still there for the next build.
    directory: Option<PathBuf>,
    fingerprints: OnceLock<Fingerprints>,
}

impl Context {
    /// Opens a directory of the host.
    ///
    /// # Errors
    /// [`ContextError::Path`] where it is no directory or cannot be opened.
    pub fn open(root: &Path, ignore: Option<Patterns>) -> Result<Self, ContextError> {
        let opened = RootDir::open(root)?;
        let directory = root.canonicalize().ok();
        Ok(Self { root: opened, ignore, keeps_owner: false, directory, fingerprints: OnceLock::new() })
    }

    /// Opens a directory with files from elsewhere, an archive or a repository: no ignore file applies, and owners
    /// are those that the files came with.
    ///
    /// # Errors
    /// [`ContextError::Path`] where it is no directory or cannot be opened.
    pub fn open_remote(root: &Path) -> Result<Self, ContextError> {
        let root = RootDir::open(root)?;
        Ok(Self { root, ignore: None, keeps_owner: true, directory: None, fingerprints: OnceLock::new() })
    }

    /// Reads what earlier builds left about this directory in a directory of the store, so that files that did not
    /// change since are not read. Does nothing for files from elsewhere, which come to a new place every time.
    pub fn use_fingerprints(&self, stored: &Path) {
        if let Some(directory) = &self.directory {
            self.fingerprints.get_or_init(|| Fingerprints::open(stored, directory));
        }
    }

    /// Returns what is known of the files from earlier builds, and is learned in this one.
    pub fn fingerprints(&self) -> Option<&Fingerprints> {
        self.fingerprints.get()
    }

    /// Returns where a directory of the host is; nothing for files from elsewhere.
    pub fn directory(&self) -> Option<&Path> {
        self.directory.as_deref()
    }

    /// Tells whether files keep the owner that they have in the directory.
    pub fn keeps_owner(&self) -> bool {
        self.keeps_owner
    }

    /// Returns the directory, without regard to the ignore file.
    pub fn root(&self) -> &RootDir {
        &self.root
    }

    /// Returns the patterns of the ignore file.
    pub fn ignore(&self) -> Option<&Patterns> {
        self.ignore.as_ref()
    }
}
