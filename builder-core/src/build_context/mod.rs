//! The files of a build context after ignore rules, where its Dockerfile is, and contexts that arrive as tar.
//!
//! A context is read in place: nothing is sent anywhere. What a COPY may see is decided in one place,
//! [`scan::Scanner`], for the copy itself and for the digest of what would be copied alike.

mod archive;
mod error;
pub mod fingerprints;
mod locate;
pub mod scan;

use std::path::Path;

pub(crate) use archive::is_archive;
pub use archive::{StreamKind, sniff, unpack};
pub use error::ContextError;
pub use locate::{Located, LocatedDockerfile, ignore_file, locate, locate_inside};

use crate::dockerignore::Patterns;
use crate::fs::root::RootDir;

/// A local directory that COPY takes files from, seen through its ignore file.
#[derive(Debug)]
pub struct Context {
    root: RootDir,
    ignore: Option<Patterns>,
    keeps_owner: bool,
}

impl Context {
    /// Opens a directory of the host.
    ///
    /// # Errors
    /// [`ContextError::Path`] where it is no directory or cannot be opened.
    pub fn open(root: &Path, ignore: Option<Patterns>) -> Result<Self, ContextError> {
        Ok(Self { root: RootDir::open(root)?, ignore, keeps_owner: false })
    }

    /// Opens a directory with files from elsewhere, an archive or a repository: no ignore file applies, and owners
    /// are those that the files came with.
    ///
    /// # Errors
    /// [`ContextError::Path`] where it is no directory or cannot be opened.
    pub fn open_remote(root: &Path) -> Result<Self, ContextError> {
        Ok(Self { root: RootDir::open(root)?, ignore: None, keeps_owner: true })
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
