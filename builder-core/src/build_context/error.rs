//! What can go wrong with a build context.

use std::path::PathBuf;

use crate::cancel::Cancelled;
use crate::fs::PathError;
use crate::fs::extract::ExtractError;

/// A build context cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ContextError {
    /// The system refused something.
    #[error(transparent)]
    Path(#[from] PathError),
    /// There is no Dockerfile.
    #[error("no Dockerfile at `{}`", path.display())]
    NoDockerfile {
        /// Where it was expected.
        path: PathBuf,
    },
    /// A file that must be text is not.
    #[error("`{}` is not valid UTF-8", path.display())]
    NotText {
        /// The file.
        path: PathBuf,
    },
    /// Directories are nested too deeply.
    #[error("`{}` is nested more than {limit} directories deep", path.display())]
    TooDeep {
        /// The directory, relative to the root.
        path: PathBuf,
        /// The limit.
        limit: usize,
    },
    /// A context that arrived as a tar stream could not be unpacked.
    #[error("cannot unpack the build context")]
    Archive(#[from] ExtractError),
    /// The start of a stream could not be read.
    #[error("cannot read the build context")]
    Stream(#[source] std::io::Error),
    /// The build was cancelled.
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
}
