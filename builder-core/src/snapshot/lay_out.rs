//! From the blob of a layer to its files.

use std::io::Read;
use std::sync::Arc;

use super::elsewhere::{BlobProgress, LayerSource, LayerSourceError, Wanted};
use super::{Layer, SnapshotError, Snapshots};
use crate::cancel::CancelToken;
use crate::digest::Digest;
use crate::layer;
use crate::layer::compression::decompress;
use crate::store::damaged_blob;

impl Snapshots {
    /// Makes the files of the last layer of a chain, whose other layers are there as files.
    pub(super) fn lay_out(
        &self,
        chain: &[Digest],
        layer: &Wanted,
        progress: &BlobProgress<'_>,
        cancel: &CancelToken,
    ) -> Result<(), SnapshotError> {
        let Some((diff_id, parent)) = chain.split_last() else { return Err(SnapshotError::NoLayer) };
        if self.adopt(parent, diff_id)? {
            return Ok(());
        }
        let Some(source) = &layer.source else {
            let missing = SnapshotError::Missing { diff_id: *diff_id };
            return if layer.plain { self.unpack_from(chain, None, cancel) } else { Err(missing) };
        };
        let fetch = || self.fetch_blob(source, progress, cancel);
        if !layer.plain {
            fetch()?;
        }
        let outcome = match self.unpack_from(chain, Some(source), cancel) {
            Err(error) if damaged_blob(&error).is_some() => {
                fetch()?;
                self.unpack_from(chain, Some(source), cancel)
            }
            outcome => outcome,
        };
        outcome.map_err(|error| blamed(source.as_ref(), error))
    }

    /// Unpacks the last layer of a chain from its blob. One of a step is as if it had been made here: its tar can be
    /// written again, which is tried, and where it comes out differently its plain blob is kept.
    fn unpack_from(
        &self,
        chain: &[Digest],
        source: Option<&Arc<dyn LayerSource>>,
        cancel: &CancelToken,
    ) -> Result<(), SnapshotError> {
        let Some((expected, parent)) = chain.split_last() else { return Err(SnapshotError::NoLayer) };
        let of_step = source.is_none_or(|source| source.content().is_some());
        let is_plain = of_step && self.store.has_blob(expected);
        let digest = source.filter(|_| !is_plain).map_or(expected, |source| &source.blob().digest);
        let open = || -> Result<_, SnapshotError> {
            let blob = self.store.open_blob(digest)?;
            decompress(blob).map_err(|error| layer::LayerError::Read(error).into())
        };
        if !of_step {
            let lay_out = |tar: &mut (dyn Read + Send)| self.unpack(parent, expected, tar, cancel);
            layer::read_ahead(&mut open()?, lay_out).map_err(layer::LayerError::Read)??;
            return Ok(());
        }
        let lay_out = |tar: &mut (dyn Read + Send)| self.unpack_any(parent, tar, cancel);
        let (active, unpacked, left_out) =
            layer::read_ahead(&mut open()?, lay_out).map_err(layer::LayerError::Read)??;
        if unpacked.diff_id != *expected {
            return Err(SnapshotError::DiffId { expected: *expected, found: unpacked.diff_id });
        }
        if source.and_then(|source| source.size()).is_some_and(|size| size != unpacked.size) {
            return Err(SnapshotError::Content { diff_id: *expected });
        }
        let (files, out) = (&active.upper, &mut std::io::sink());
        let again: Layer = layer::write_layer_beside(&left_out, None, files, self.flavor, None, out, cancel)?;
        // Where its tar cannot be written again, what it holds cannot be proven, and somebody's word is not enough.
        if source.and_then(|source| source.content()).is_some_and(|content| content != again.content) {
            return Err(SnapshotError::Content { diff_id: *expected });
        }
        if again.diff_id == *expected && !again.left_out {
            self.install(parent, &again, &active.upper, true)?;
            return Ok(self.store.note_verified(digest, expected)?);
        }
        if !self.store.has_blob(expected) {
            let mut plain = self.store.blob_writer()?;
            std::io::copy(&mut open()?, &mut plain).map_err(layer::LayerError::Read)?;
            plain.finish_as(expected, unpacked.size)?;
        }
        self.install(parent, &unpacked, &active.upper, false)
    }
}

pub(super) fn elsewhere(source: &dyn LayerSource, error: LayerSourceError) -> SnapshotError {
    SnapshotError::Elsewhere {
        digest: source.blob().digest,
        origin: source.origin().to_owned(),
        cache: source.cache(),
        source: error,
    }
}

/// A layer that is what its digest says, and no layer: who has it is to blame.
pub(super) fn blamed(source: &dyn LayerSource, error: SnapshotError) -> SnapshotError {
    if error.is_cancelled()
        || !matches!(error, SnapshotError::DiffId { .. } | SnapshotError::Content { .. } | SnapshotError::Layer(_))
    {
        return error;
    }
    elsewhere(source, Box::new(error))
}
