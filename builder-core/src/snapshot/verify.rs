//! Whether blobs that nobody unpacks are the layers that a shared cache says they are.
//!
//! A layer that is only passed on, from a cache to a registry, is never laid out as files. What it is when it is not
//! compressed is looked at where the bytes are at hand, once: the store remembers.

use std::io::Read;
use std::sync::Arc;

use super::{LayerSource, SnapshotError, Snapshots};
use crate::cancel::CancelToken;
use crate::digest::{Digest, Digester};
use crate::layer::LayerError;
use crate::layer::compression::decompress;
use crate::oci::media_type;

/// Bytes read at once.
const BUFFER_BYTES: usize = 256 * 1024;
/// The most bytes of one layer's tar, as where it is unpacked.
const MAX_BYTES: u64 = 1 << 40;

impl Snapshots {
    /// Verifies the layers of a chain that are in a shared cache and not here as files, as far as that can be done
    /// without fetching them. One that only its place in the cache says something of is fetched.
    ///
    /// # Errors
    /// [`SnapshotError::Elsewhere`] for one that is another layer, or cannot be had.
    pub fn verify_elsewhere(&self, diff_ids: &[Digest], cancel: &CancelToken) -> Result<(), SnapshotError> {
        for length in 1..=diff_ids.len() {
            let Some(source) = self.elsewhere(&diff_ids[..length])?.filter(|source| source.cache().is_some()) else {
                continue;
            };
            let is_here = || self.store.has_whole_blob(&source.blob().digest, source.blob().size);
            if !source.is_named() && source.open().is_none() && !is_here() {
                self.fetch_blob(&source, &|_, _, _| {}, cancel)?;
            }
            self.verify(&diff_ids[length - 1], &source, cancel)?;
        }
        Ok(())
    }

    /// Verifies one layer of a shared cache where its bytes are at hand.
    ///
    /// # Errors
    /// [`SnapshotError::Elsewhere`].
    pub fn verify(
        &self,
        diff_id: &Digest,
        source: &Arc<dyn LayerSource>,
        cancel: &CancelToken,
    ) -> Result<(), SnapshotError> {
        let blob = source.blob();
        if source.cache().is_none() || self.store.is_verified(&blob.digest, diff_id)? {
            return Ok(());
        }
        let is_plain = matches!(blob.media_type.as_str(), media_type::OCI_LAYER | media_type::DOCKER_LAYER);
        let blamed = |error: SnapshotError| super::lay_out::blamed(source.as_ref(), error);
        let (found, size) = if is_plain {
            (blob.digest, blob.size)
        } else if self.store.has_whole_blob(&blob.digest, blob.size) {
            let reader = self.store.open_blob(&blob.digest)?;
            plain_digest(reader, cancel).map_err(blamed)?
        } else if let Some(opened) = source.open() {
            let reader = opened.map_err(|error| super::lay_out::elsewhere(source.as_ref(), error))?;
            let verified = crate::digest::VerifyingReader::new(reader, blob.digest, blob.size);
            plain_digest(verified, cancel).map_err(blamed)?
        } else {
            return Ok(());
        };
        if found != *diff_id {
            return Err(blamed(SnapshotError::DiffId { expected: *diff_id, found }));
        }
        if source.size().is_some_and(|said| said != size) {
            return Err(blamed(SnapshotError::Content { diff_id: *diff_id }));
        }
        Ok(self.store.note_verified(&blob.digest, diff_id)?)
    }
}

/// The digest of what a compressed stream holds, and its length in bytes.
fn plain_digest(reader: impl Read + Send, cancel: &CancelToken) -> Result<(Digest, u64), SnapshotError> {
    let mut plain = decompress(reader).map_err(LayerError::Read)?;
    let mut digester = Digester::new();
    let mut buffer = vec![0; BUFFER_BYTES];
    loop {
        cancel.check().map_err(LayerError::from)?;
        let count = plain.read(&mut buffer).map_err(LayerError::Read)?;
        if count == 0 {
            let length = digester.length();
            return Ok((digester.finish(), length));
        }
        digester.update(&buffer[..count]);
        if digester.length() > MAX_BYTES {
            return Err(LayerError::Limit { what: "bytes", limit: MAX_BYTES }.into());
        }
    }
}
