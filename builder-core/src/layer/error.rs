//! What can go wrong with layers.

use std::path::PathBuf;

use crate::cancel::Cancelled;
use crate::fs::PathError;

/// A layer could not be written or read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LayerError {
    /// A file of the layer could not be used.
    #[error(transparent)]
    Path(#[from] PathError),
    /// The tar could not be written.
    #[error("cannot write the layer")]
    Write(#[source] std::io::Error),
    /// The tar could not be read.
    #[error("cannot read the layer")]
    Read(#[source] std::io::Error),
    /// A file changed while it was read.
    #[error("`{}` changed while it was read: expected {expected} bytes", path.display())]
    Changed {
        /// The path in the layer.
        path: PathBuf,
        /// The size that was announced, in bytes.
        expected: u64,
    },
    /// An entry would leave the root of the layer, or is no path at all.
    #[error("layer entry `{}` is not a path inside the root", path.display())]
    Escape {
        /// The path as it stands in the archive.
        path: PathBuf,
    },
    /// A hard link whose target is not in the layer.
    #[error("layer entry `{}` is a hard link to `{}`, which is not there", path.display(), target.display())]
    MissingLinkTarget {
        /// The entry.
        path: PathBuf,
        /// Its target.
        target: PathBuf,
    },
    /// Too many symbolic links on the way to an entry.
    #[error("too many symbolic links on the way to layer entry `{}`", path.display())]
    TooManyLinks {
        /// The entry.
        path: PathBuf,
    },
    /// More than a limit allows.
    #[error("the layer has more than {limit} {what}")]
    Limit {
        /// What there is too much of.
        what: &'static str,
        /// How much is allowed.
        limit: u64,
    },
    /// An entry of a type that no layer has.
    #[error("layer entry `{}` has the unsupported type {kind:?}", path.display())]
    UnsupportedType {
        /// The entry.
        path: PathBuf,
        /// The type byte.
        kind: char,
    },
    /// Something can only become an entry once it is a file of the layer.
    #[error("`{}` cannot go into the layer without being copied first", path.display())]
    Unsuited {
        /// The path in the layer.
        path: PathBuf,
    },
    /// The operation was cancelled.
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
}

impl LayerError {
    /// Tells whether the content of the layer is to blame, and not this machine.
    pub fn is_content(&self) -> bool {
        !matches!(self, Self::Path(_) | Self::Write(_) | Self::Changed { .. } | Self::Cancelled(_))
    }
}
