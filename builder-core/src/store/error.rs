//! What can go wrong with the store.

use std::path::PathBuf;

use crate::cancel::Cancelled;
use crate::digest::Digest;
use crate::fs::PathError;

/// The store could not be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// A file of the store could not be used.
    #[error(transparent)]
    Path(#[from] PathError),
    /// The database failed.
    #[error("cannot {operation} in the store's database")]
    Metadata {
        /// What was tried, as a verb.
        operation: &'static str,
        /// What the database said.
        #[source]
        source: rusqlite::Error,
    },
    /// The store has another format.
    #[error("the store `{}` has format version {found}, this builder reads version {expected}; use another --root", root.display())]
    Version {
        /// The store.
        root: PathBuf,
        /// Its version.
        found: u32,
        /// Ours.
        expected: u32,
    },
    /// The store was made by somebody else: owners and overlay marks on disk would not fit.
    #[error("the store `{}` was made by {found}, this builder runs as {expected}; use another --root", root.display())]
    Owner {
        /// The store.
        root: PathBuf,
        /// Who made it.
        found: String,
        /// Who runs now.
        expected: String,
    },
    /// A document of the store is not what it should be.
    #[error("`{}` is damaged", path.display())]
    Damaged {
        /// The document.
        path: PathBuf,
        /// What the reader said.
        #[source]
        source: serde_json::Error,
    },
    /// A document of a named image cannot be used, so that nobody knows what the image needs.
    #[error("the image `{name}` is damaged: build or pull it again, or remove it with `builder rmi {name}`")]
    DamagedImage {
        /// The image.
        name: String,
        /// What is wrong.
        #[source]
        source: Box<StoreError>,
    },
    /// A blob is not in the store.
    #[error("blob {0} is not in the store")]
    MissingBlob(Digest),
    /// A blob does not match its digest or size.
    #[error("blob {expected} is not what it should be")]
    Mismatch {
        /// The digest asked for.
        expected: Digest,
        /// What is wrong.
        #[source]
        source: std::io::Error,
    },
    /// A blob is larger than its reader takes.
    #[error("blob {digest} has {size} bytes, expected at most {limit}")]
    TooLarge {
        /// The blob.
        digest: Digest,
        /// Its size, in bytes.
        size: u64,
        /// The limit, in bytes.
        limit: u64,
    },
    /// The operation was cancelled.
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
}
