//! Blobs whose bytes are not those of their digest. They are found where they are read, and removed: whoever needs one
//! makes or fetches it again.

use std::error::Error;
use std::io::{self, Read};

use super::{Store, StoreError};
use crate::cancel::CancelToken;
use crate::digest::{ContentMismatch, Digest};

/// Bytes read between two looks at the cancellation token.
const BUFFER_BYTES: usize = 256 * 1024;

/// A blob of the store was damaged, and is gone now. Carried inside an [`io::Error`].
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("blob {digest} of the store was damaged, and is removed: {mismatch}")]
pub struct DamagedBlob {
    /// What it should have been.
    pub digest: Digest,
    /// What it was.
    pub mismatch: ContentMismatch,
}

/// Finds the blob that an operation failed over because it was damaged.
pub fn damaged_blob<'e>(error: &'e (dyn Error + 'static)) -> Option<&'e DamagedBlob> {
    let mut next = Some(error);
    while let Some(cause) = next {
        let inner = cause.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        if let Some(found) = inner.and_then(|inner| inner.downcast_ref::<DamagedBlob>()) {
            return Some(found);
        }
        // An error inside of another one of input and output is none of its sources.
        next = match inner {
            Some(inner) => Some(inner),
            None => cause.source(),
        };
    }
    None
}

impl Store {
    /// Reads a blob to its end.
    ///
    /// # Errors
    /// [`StoreError::Mismatch`] where it is damaged; then it is gone. [`StoreError::MissingBlob`].
    pub fn verify_blob(&self, digest: &Digest, cancel: &CancelToken) -> Result<(), StoreError> {
        let mut reader = self.open_blob(digest)?;
        let mut buffer = vec![0; BUFFER_BYTES];
        loop {
            cancel.check()?;
            let count = reader.read(&mut buffer);
            if count.map_err(|source| StoreError::Mismatch { expected: *digest, source })? == 0 {
                return Ok(());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{Owner, StoreOptions};

    #[test]
    fn a_damaged_blob_is_found_and_goes() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(&StoreOptions { root: dir.path().to_owned(), owner: Owner::Root }).unwrap();
        let digest = store.write_blob(b"right").unwrap();
        store.verify_blob(&digest, &CancelToken::new()).unwrap();
        std::fs::write(store.blob_path(&digest), b"wrong").unwrap();
        let error = store.verify_blob(&digest, &CancelToken::new()).unwrap_err();
        assert_eq!(damaged_blob(&error).map(|blob| blob.digest), Some(digest));
        assert!(!store.has_blob(&digest));
        assert!(damaged_blob(&store.verify_blob(&digest, &CancelToken::new()).unwrap_err()).is_none());
    }
}
