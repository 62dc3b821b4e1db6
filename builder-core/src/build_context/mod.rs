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
pub use locate::{Located, LocatedDockerfile, ignore_file, locate};

use crate::dockerignore::Patterns;
use crate::fs::root::RootDir;

/// A local directory that COPY takes files from, seen through its ignore file.
#[derive(Debug)]
pub struct Context {
    root: RootDir,
    ignore: Option<Patterns>,
}

impl Context {
    /// Opens a directory of the host.
    ///
    /// # Errors
    /// [`ContextError::Path`] where it is no directory or cannot be opened.
    pub fn open(root: &Path, ignore: Option<Patterns>) -> Result<Self, ContextError> {
        Ok(Self { root: RootDir::open(root)?, ignore })
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
