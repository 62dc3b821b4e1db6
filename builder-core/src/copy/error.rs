//! What can go wrong in a COPY or ADD.

use std::io;
use std::path::{Path, PathBuf};

use rustix::io::Errno;

use crate::build_context::ContextError;
use crate::cancel::Cancelled;
use crate::fs::PathError;
use crate::fs::extract::ExtractError;

/// Files could not be copied.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CopyError {
    /// A source does not exist, or the ignore file hides it.
    #[error("\"{path}\": not found")]
    NotFound {
        /// Which source, counted from 0.
        index: usize,
        /// The path from the root of where it is taken from, with a leading `/`.
        path: String,
        /// Whether it exists but is excluded by the ignore file.
        ignored: bool,
        /// A path nearby that does exist, spelled almost the same.
        similar: Option<String>,
    },
    /// A source is a malformed pattern.
    #[error("syntax error in pattern `{pattern}`")]
    BadPattern {
        /// Which source, counted from 0.
        index: usize,
        /// The pattern.
        pattern: String,
    },
    /// A source is a device node that cannot be made here, without the directory that it is in.
    #[error("the device node {} cannot be copied by itself", path.display())]
    DeviceNode {
        /// Which source, counted from 0.
        index: usize,
        /// The path in the source.
        path: PathBuf,
    },
    /// A directory should be copied to where something else is.
    #[error("cannot copy to non-directory: {}", path.display())]
    NonDirectory {
        /// The path in the image.
        path: PathBuf,
    },
    /// A file should be copied to where a directory is.
    #[error("cannot replace to directory {} with file", path.display())]
    ReplaceDirectory {
        /// The path in the image.
        path: PathBuf,
    },
    /// A path that must become a directory exists as something else.
    #[error("not a directory: {}", path.display())]
    NotADirectory {
        /// The path in the image.
        path: PathBuf,
    },
    /// The tree to copy from could not be read.
    #[error(transparent)]
    Source(ContextError),
    /// The system refused something.
    #[error(transparent)]
    Path(#[from] PathError),
    /// An archive could not be unpacked.
    #[error("cannot unpack `{path}`")]
    Archive {
        /// The archive, from the root of where it is taken from.
        path: String,
        /// Why.
        #[source]
        source: ExtractError,
    },
    /// A file is not what it was when it was selected, or is gone.
    #[error("`{}` changed while it was read", path.display())]
    Changed {
        /// The path in the source.
        path: PathBuf,
        /// What the system said of it.
        #[source]
        source: PathError,
    },
    /// The build was cancelled.
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
}

impl CopyError {
    /// Returns what somebody could do about it.
    pub fn help(&self) -> Option<String> {
        match self {
            Self::NotFound { ignored: true, .. } => {
                Some("the file exists, but the ignore file of the build context excludes it".to_owned())
            }
            Self::NotFound { similar: Some(similar), .. } => Some(format!("did you mean `{similar}`?")),
            Self::DeviceNode { .. } => Some(
                "the files here are without it, since this user may not make it, or it has the numbers 0:0: copy the \
                 whole directory that it is in"
                    .to_owned(),
            ),
            Self::Changed { .. } => Some("something writes to it: build again when that is done".to_owned()),
            _ => None,
        }
    }

    /// Puts in other words that something of the source, which was there when it was selected, is gone or something
    /// else when it is read.
    pub(super) fn of_selected(self, selected: &Path) -> Self {
        match self {
            // What is said of the destination has its whole path.
            Self::Path(error)
                if matches!(error.operation, "open" | "open directory" | "look at" | "read link")
                    && error.path.is_relative()
                    && is_another(&error.source) =>
            {
                Self::Changed { path: selected.to_owned(), source: error }
            }
            other => other,
        }
    }

    /// Tells whether the build was cancelled.
    pub fn is_cancelled(&self) -> bool {
        matches!(self, Self::Cancelled(_))
    }

    /// Returns which source is to blame, counted from 0.
    pub fn source_index(&self) -> Option<usize> {
        match self {
            Self::NotFound { index, .. } | Self::BadPattern { index, .. } | Self::DeviceNode { index, .. } => {
                Some(*index)
            }
            _ => None,
        }
    }
}

/// Whether something is not there, or is of another kind.
fn is_another(error: &io::Error) -> bool {
    let kinds = [Errno::LOOP, Errno::NOENT, Errno::NOTDIR, Errno::NXIO, Errno::INVAL];
    match error.raw_os_error() {
        Some(code) => kinds.iter().any(|kind| kind.raw_os_error() == code),
        None => error.kind() == io::ErrorKind::InvalidInput,
    }
}

impl From<ContextError> for CopyError {
    fn from(error: ContextError) -> Self {
        match error {
            ContextError::Path(error) => Self::Path(error),
            ContextError::Cancelled(error) => Self::Cancelled(error),
            other => Self::Source(other),
        }
    }
}
