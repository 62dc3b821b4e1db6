//! What can go wrong with an export.

use std::io::{self, ErrorKind};

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
    /// Several root filesystems go to the same place and differ.
    #[error("cannot overwrite {} from {first} with {second} when split option is disabled", path.display())]
    Overwrites {
        /// The path in which they differ.
        path: std::path::PathBuf,
        /// The platform that it came from.
        first: String,
        /// The other one.
        second: String,
    },
    /// Statements about several root filesystems have the same name in the same place.
    #[error("duplicate attestation path name {0}")]
    DuplicateStatement(String),
    /// Docker's archives hold one image for one platform.
    #[error("docker exporter does not currently support exporting manifest lists")]
    DockerIndex,
    /// A document could not be written as JSON.
    #[error("cannot write the image's documents")]
    Json(#[from] serde_json::Error),
    /// A layer that is to be pushed could not be had from where it is.
    #[error("a layer cannot be had from `{origin}`")]
    Elsewhere {
        /// Where it is.
        origin: String,
        /// The shared cache that it is in, by its number.
        cache: Option<usize>,
        /// Why.
        #[source]
        source: crate::snapshot::LayerSourceError,
    },
    /// There is no document to push.
    #[error("there is nothing to push")]
    Nothing,
    /// The registry did not take it.
    #[cfg(feature = "registry")]
    #[error(transparent)]
    Registry(Box<crate::registry::RegistryError>),
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
    /// The archive of a layer could not be looked into.
    #[error(transparent)]
    Report(#[from] crate::report::ReportError),
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

#[cfg(feature = "registry")]
impl From<crate::registry::RegistryError> for ExportError {
    fn from(error: crate::registry::RegistryError) -> Self {
        match error {
            crate::registry::RegistryError::Cancelled(cancelled) => Self::Cancelled(cancelled),
            error => Self::Registry(Box::new(error)),
        }
    }
}

impl ExportError {
    /// Lets an error about space on the disk say that it is the one of a destination.
    pub(super) fn of_destination(self) -> Self {
        match self {
            Self::Path(error) if matches!(error.source.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded) => {
                Self::Write(io::Error::new(error.source.kind(), error))
            }
            other => other,
        }
    }

    /// Tells whether a registry is to blame, or the way to it.
    pub fn is_registry(&self) -> bool {
        #[cfg(feature = "registry")]
        return matches!(self, Self::Registry(_));
        #[cfg(not(feature = "registry"))]
        false
    }

    /// Returns what to do about it, where that is known.
    pub fn hint(&self) -> Option<String> {
        match self {
            #[cfg(feature = "registry")]
            Self::Registry(error) => error.hint(),
            Self::Snapshot(error) => error.hint(),
            Self::Image(error) => error.hint(),
            _ => None,
        }
    }

    /// Tells whether who asked for the export can mend it.
    pub fn is_input(&self) -> bool {
        match self {
            Self::Overwrites { .. } | Self::DockerIndex | Self::DuplicateStatement(_) => true,
            Self::Image(error) => error.is_input(),
            _ => false,
        }
    }

    /// Tells whether the export was cancelled.
    pub fn is_cancelled(&self) -> bool {
        match self {
            Self::Cancelled(_) | Self::Layer(LayerError::Cancelled(_)) | Self::Store(StoreError::Cancelled(_)) => true,
            Self::Snapshot(error) => error.is_cancelled(),
            Self::Image(error) => error.is_cancelled(),
            Self::Report(error) => error.is_cancelled(),
            _ => false,
        }
    }
}
