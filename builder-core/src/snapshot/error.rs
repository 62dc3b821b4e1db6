//! What can go wrong with snapshots.

use crate::digest::Digest;
use crate::fs::PathError;
use crate::layer::LayerError;
use crate::store::StoreError;
use crate::sys::SysError;

/// A root filesystem could not be made or used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SnapshotError {
    /// The store failed.
    #[error(transparent)]
    Store(StoreError),
    /// A layer could not be written or unpacked.
    #[error(transparent)]
    Layer(#[from] LayerError),
    /// A file could not be used.
    #[error(transparent)]
    Path(#[from] PathError),
    /// The root filesystem could not be mounted.
    #[error("cannot mount the root filesystem")]
    Mount(#[from] SysError),
    /// A layer is not there as files.
    #[error("layer {diff_id} is not in the store")]
    Missing {
        /// The layer.
        diff_id: Digest,
    },
    /// The files of a layer are not what a step left.
    #[error("the files of layer {diff_id} were changed in the store; the layer is forgotten: build again")]
    Changed {
        /// The layer.
        diff_id: Digest,
    },
    /// A layer has other files than was promised.
    #[error("layer {diff_id} holds something else than the cache says")]
    Content {
        /// The layer.
        diff_id: Digest,
    },
    /// A layer could not be had from where it is.
    #[error("layer {digest} cannot be had from `{origin}`")]
    Elsewhere {
        /// The digest of its blob.
        digest: Digest,
        /// Where it is.
        origin: String,
        /// The shared cache that it is in, by its number; `None` for the layers of images.
        cache: Option<usize>,
        /// Why.
        #[source]
        source: super::LayerSourceError,
    },
    /// A layer was asked of a chain that has none.
    #[error("an empty filesystem has no layer")]
    NoLayer,
    /// A layer is not the one that was promised.
    #[error("layer has diff ID {found}, expected {expected}")]
    DiffId {
        /// What was promised.
        expected: Digest,
        /// What it is.
        found: Digest,
    },
}

impl SnapshotError {
    /// Returns what to do about it, where that is known.
    pub fn hint(&self) -> Option<String> {
        matches!(self, Self::Missing { .. } | Self::Elsewhere { cache: None, .. }).then(|| {
            "an image that was built without a name, or is on a list for several platforms, need not have all of its \
             layers here: build it again with a name, `builder build -t NAME`, or pull it, `builder pull NAME`"
                .to_owned()
        })
    }

    /// Tells whether the operation was cancelled rather than failed.
    pub fn is_cancelled(&self) -> bool {
        matches!(self, Self::Layer(LayerError::Cancelled(_)) | Self::Store(StoreError::Cancelled(_)))
    }
}
