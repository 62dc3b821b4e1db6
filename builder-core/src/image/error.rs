//! What can go wrong with an image.

use crate::cancel::Cancelled;
use crate::digest::Digest;
use crate::fs::PathError;
use crate::oci::DocumentError;
use crate::platform::Platform;
use crate::snapshot::SnapshotError;
use crate::store::StoreError;

/// An image could not be put together or read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ImageError {
    /// A document could not be written as JSON.
    #[error("cannot write the image's documents")]
    Json(#[from] serde_json::Error),
    /// A document of the store cannot be used.
    #[error(transparent)]
    Document(#[from] DocumentError),
    /// A time is outside of what can be written.
    #[error("time {0} cannot be written as a date")]
    Time(i64),
    /// An index in the store leads to no image that is there.
    #[error("none of the images of index {0} is in the store")]
    EmptyIndex(Digest),
    /// An annotation is for a platform that is not built.
    #[error("invalid annotation: no platform {0} found in source")]
    AnnotationPlatform(Platform),
    /// An annotation is for an index where there is none.
    #[error("index annotations not supported for single platform export")]
    IndexAnnotation,
    /// A layer could not be compressed.
    #[error("cannot write layer {digest}")]
    Layer {
        /// The layer.
        digest: Digest,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// What a layer became could not be written.
    #[error("cannot write the image")]
    Write(#[source] std::io::Error),
    /// A file could not be used.
    #[error(transparent)]
    Path(#[from] PathError),
    /// A layer could not be written.
    #[error(transparent)]
    Snapshot(#[from] SnapshotError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The operation was cancelled.
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
}

impl ImageError {
    /// Tells whether the work was cancelled.
    pub fn is_cancelled(&self) -> bool {
        match self {
            Self::Cancelled(_) | Self::Store(StoreError::Cancelled(_)) => true,
            Self::Snapshot(error) => error.is_cancelled(),
            _ => false,
        }
    }

    /// Returns what to do about it, where that is known.
    pub fn hint(&self) -> Option<String> {
        if let Self::Snapshot(error) = self { error.hint() } else { None }
    }

    /// Tells whether who asked for the image can mend it.
    pub fn is_input(&self) -> bool {
        matches!(self, Self::AnnotationPlatform(_) | Self::IndexAnnotation)
    }
}
