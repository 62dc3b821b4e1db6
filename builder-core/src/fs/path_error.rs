//! I/O errors that name what was done to which path.

use std::io;
use std::path::{Path, PathBuf};

/// An operation on a path failed.
#[derive(Debug, thiserror::Error)]
#[error("cannot {operation} `{}`", path.display())]
pub struct PathError {
    /// What was tried, as a verb: `open`, `create`, `rename`.
    pub operation: &'static str,
    /// The path, of the host unless the context says otherwise.
    pub path: PathBuf,
    /// What the system answered.
    #[source]
    pub source: io::Error,
}

/// Attaches operation and path to an I/O result where the call is made.
pub trait PathContext<T> {
    /// Names the operation and the path.
    ///
    /// # Errors
    /// The same failure, as a [`PathError`].
    fn at(self, operation: &'static str, path: impl AsRef<Path>) -> Result<T, PathError>;
}

impl<T, E: Into<io::Error>> PathContext<T> for Result<T, E> {
    fn at(self, operation: &'static str, path: impl AsRef<Path>) -> Result<T, PathError> {
        self.map_err(|error| PathError { operation, path: path.as_ref().to_owned(), source: error.into() })
    }
}
