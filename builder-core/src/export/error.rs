//! What can go wrong with an export.

use crate::cancel::Cancelled;
use crate::digest::Digest;
use crate::fs::PathError;
use crate::fs::extract::ExtractError;
use crate::image::ImageError;
use crate::layer::LayerError;
use crate::snapshot::SnapshotError;
use crate::store::StoreError;

/// A result could not be written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExportError {
    /// The stream could not be written.
    #[error("cannot write the export")]
    Write(#[source] std::io::Error),
    /// A blob of the store could not be read.
    #[error("cannot read blob {digest}")]
    Read {
        /// The blob.
        digest: Digest,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A document could not be written as JSON.
    #[error("cannot write the image's documents")]
    Json(#[from] serde_json::Error),
    /// A file could not be used.
    #[error(transparent)]
    Path(#[from] PathError),
    /// A directory could not be filled.
    #[error(transparent)]
    Extract(ExtractError),
    /// A layer could not be written.
    #[error(transparent)]
    Layer(#[from] LayerError),
    /// A layer is not in the store.
    #[error(transparent)]
    Snapshot(#[from] SnapshotError),
    /// The image could not be read.
    #[error(transparent)]
    Image(#[from] ImageError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The operation was cancelled.
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
}

impl From<ExtractError> for ExportError {
    fn from(error: ExtractError) -> Self {
        match error {
            ExtractError::Path(error) => Self::Path(error),
            ExtractError::Cancelled(cancelled) => Self::Cancelled(cancelled),
            other => Self::Extract(other),
        }
    }
}

impl ExportError {
    /// Tells whether the export was cancelled.
    pub fn is_cancelled(&self) -> bool {
        match self {
            Self::Cancelled(_) | Self::Layer(LayerError::Cancelled(_)) | Self::Store(StoreError::Cancelled(_)) => true,
            Self::Snapshot(error) => error.is_cancelled(),
            _ => false,
        }
    }
}
