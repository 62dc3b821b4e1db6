//! Blobs of layers that turn out to be damaged are made again from the files of the layer.

use super::{SnapshotError, Snapshots};
use crate::cancel::CancelToken;
use crate::digest::Digest;
use crate::layer;
use crate::store::DamagedBlob;

/// The most damaged blobs that one operation gets over.
const MAX_DAMAGED: usize = 1000;

impl Snapshots {
    /// Does something, and again for each damaged blob that it fails over. The blob is made again before, where that
    /// can be done. `damaged` finds it in the error.
    ///
    /// # Errors
    /// What the last attempt says.
    pub fn despite_damage<T, E>(
        &self,
        cancel: &CancelToken,
        mut action: impl FnMut() -> Result<T, E>,
        damaged: impl Fn(&E) -> Option<&DamagedBlob>,
    ) -> Result<T, E> {
        for _ in 0..MAX_DAMAGED {
            let outcome = action();
            let Some(blob) = outcome.as_ref().err().and_then(&damaged) else { return outcome };
            // Whoever needs it says what is wrong where that fails.
            let _ = self.remake(&blob.digest, cancel);
        }
        action()
    }

    /// Writes the tar of a layer that a step of ours made as a blob, whatever is below the layer.
    fn remake(&self, diff_id: &Digest, cancel: &CancelToken) -> Result<(), SnapshotError> {
        let Some(record) = self.store.snapshot_of_layer(diff_id)? else { return Ok(()) };
        let mut blob = self.store.plain_blob_writer()?;
        let path = self.store.snapshots_dir().join(&record.directory);
        let layer = layer::write_layer(&path, self.flavor, None, &mut blob, cancel)?;
        if layer.diff_id != *diff_id {
            return Err(SnapshotError::Changed { diff_id: *diff_id });
        }
        Ok(blob.finish_as(diff_id)?)
    }
}
