//! What can go wrong with a report.

use crate::cancel::Cancelled;
use crate::digest::Digest;
use crate::layer::LayerError;
use crate::snapshot::SnapshotError;
use crate::store::StoreError;

/// The bytes of an image could not be accounted for.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReportError {
    /// A layer is no layer.
    #[error("cannot read layer {digest}")]
    Layer {
        /// The digest of its blob.
        digest: Digest,
        /// Why.
        #[source]
        source: LayerError,
    },
    /// A layer is neither there as a blob nor as files.
    #[error("layer {digest} of the image is not in the store")]
    Missing {
        /// The digest of its blob.
        digest: Digest,
    },
    /// The files of a layer could not be read.
    #[error(transparent)]
    Snapshot(#[from] SnapshotError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The operation was cancelled.
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
}

impl ReportError {
    /// Tells whether the work was cancelled.
    pub fn is_cancelled(&self) -> bool {
        match self {
            Self::Cancelled(_) | Self::Layer { source: LayerError::Cancelled(_), .. } => true,
            Self::Snapshot(error) => error.is_cancelled(),
            _ => false,
        }
    }
}
