//! Snapshots that the machine may have lost bytes of when it stopped.

use super::{SnapshotError, Snapshots};
use crate::cancel::CancelToken;
use crate::layer;

impl Snapshots {
    /// Reads the snapshots that another boot of the machine left without a sync, and forgets those that are not what they
    /// should be: they are made again when somebody needs them. What was unpacked from a blob is forgotten unread.
    ///
    /// # Errors
    /// [`SnapshotError::Store`].
    pub fn examine_suspects(&self) -> Result<(), SnapshotError> {
        for record in self.store.suspect_snapshots()? {
            let path = self.store.snapshots_dir().join(&record.directory);
            let written =
                || layer::write_layer(&path, self.flavor, None, &mut std::io::sink(), &CancelToken::default());
            let is_whole = record.made_here && written().is_ok_and(|found| found.diff_id == record.diff_id);
            if !is_whole {
                self.store.forget_snapshot(&record.directory)?;
            }
            self.store.clear_suspect(&record.directory)?;
        }
        Ok(())
    }
}
