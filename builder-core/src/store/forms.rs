//! The compressed forms of layers that were made once: what they are called, so that they need not be made again to
//! ask a registry whether it has them.

use rusqlite::{OptionalExtension, params};

use super::{Store, StoreError};
use crate::digest::Digest;

pub(super) const TABLE: &str = "
    CREATE TABLE IF NOT EXISTS layer_forms (
        diff_id BLOB NOT NULL, form TEXT NOT NULL, digest BLOB NOT NULL, size INTEGER NOT NULL,
        PRIMARY KEY (diff_id, form)
    ) WITHOUT ROWID;
";

fn failed(source: rusqlite::Error) -> StoreError {
    StoreError::Metadata { operation: "look up a compressed layer", source }
}

impl Store {
    /// Notes what a layer is in a form: its digest, and its size in bytes.
    ///
    /// # Errors
    /// [`StoreError::Metadata`].
    pub fn note_layer_form(&self, diff_id: &Digest, form: &str, digest: &Digest, size: u64) -> Result<(), StoreError> {
        let connection = self.inner.metadata.connection();
        let statement = "INSERT OR REPLACE INTO layer_forms VALUES (?1, ?2, ?3, ?4)";
        let values = params![diff_id.as_bytes(), form, digest.as_bytes(), size.cast_signed()];
        connection.execute(statement, values).map_err(failed)?;
        Ok(())
    }

    /// Returns what a layer is in a form, where it was made before.
    ///
    /// # Errors
    /// [`StoreError::Metadata`].
    pub fn layer_form(&self, diff_id: &Digest, form: &str) -> Result<Option<(Digest, u64)>, StoreError> {
        let connection = self.inner.metadata.connection();
        let query = "SELECT digest, size FROM layer_forms WHERE diff_id = ?1 AND form = ?2";
        let mut statement = connection.prepare_cached(query).map_err(failed)?;
        let row =
            |row: &rusqlite::Row<'_>| Ok((Digest::from_bytes(row.get(0)?), row.get::<_, i64>(1)?.cast_unsigned()));
        statement.query_row(params![diff_id.as_bytes(), form], row).optional().map_err(failed)
    }
}
