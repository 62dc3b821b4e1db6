//! Layers with device nodes that their files do not have: who writes them out again looks into their archives.

use rusqlite::OptionalExtension;

use super::metadata::failed;
use super::{Store, StoreError};
use crate::digest::Digest;

pub(super) const TABLE: &str = "CREATE TABLE IF NOT EXISTS left_out (diff_id BLOB PRIMARY KEY) WITHOUT ROWID;";

impl Store {
    /// Notes that the files of a layer are without some of its device nodes.
    ///
    /// # Errors
    /// [`StoreError::Metadata`].
    pub fn note_left_out(&self, diff_id: &Digest) -> Result<(), StoreError> {
        let statement = "INSERT OR IGNORE INTO left_out VALUES (?1)";
        let connection = self.inner.metadata.connection();
        connection.execute(statement, [diff_id.as_bytes()]).map_err(failed("note device nodes"))?;
        Ok(())
    }

    /// Tells whether the files of a layer are without some of its device nodes.
    ///
    /// # Errors
    /// [`StoreError::Metadata`].
    pub fn has_left_out(&self, diff_id: &Digest) -> Result<bool, StoreError> {
        let query = "SELECT 1 FROM left_out WHERE diff_id = ?1";
        let connection = self.inner.metadata.connection();
        let found = connection.query_row(query, [diff_id.as_bytes()], |_| Ok(())).optional();
        Ok(found.map_err(failed("look up device nodes"))?.is_some())
    }
}
