//! What was put into an index by hand: the names that its images were taken under.

use rusqlite::{Connection, OptionalExtension, params};

use super::metadata::failed;
use super::{Store, StoreError};
use crate::digest::Digest;

pub(super) const TABLE: &str = "
    CREATE TABLE IF NOT EXISTS list_members (
        list TEXT NOT NULL, manifest BLOB NOT NULL, image TEXT NOT NULL, PRIMARY KEY (list, manifest)
    ) WITHOUT ROWID;
";

/// An image of an index that was put together here.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ListMember {
    /// The digest of its manifest.
    pub manifest: Digest,
    /// The full reference that it was taken under; empty where it had none.
    pub image: String,
}

impl Store {
    fn with_lists<T>(&self, action: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T, StoreError> {
        let connection = self.inner.metadata.connection();
        action(&connection).map_err(failed("use the lists of images"))
    }

    /// Notes under which names images were put into an index.
    ///
    /// # Errors
    /// [`StoreError::Metadata`].
    pub fn note_list_members(&self, list: &str, members: &[ListMember]) -> Result<(), StoreError> {
        self.with_lists(|connection| {
            for member in members {
                let statement = "INSERT OR REPLACE INTO list_members VALUES (?1, ?2, ?3)";
                connection.execute(statement, params![list, member.manifest.as_bytes(), member.image])?;
            }
            Ok(())
        })
    }

    /// Returns under which names images were put into an index; none for one that was not put together here.
    ///
    /// # Errors
    /// [`StoreError::Metadata`].
    pub fn list_members(&self, list: &str) -> Result<Vec<ListMember>, StoreError> {
        self.with_lists(|connection| {
            let mut statement = connection.prepare("SELECT manifest, image FROM list_members WHERE list = ?1")?;
            let row = |row: &rusqlite::Row<'_>| {
                Ok(ListMember { manifest: Digest::from_bytes(row.get(0)?), image: row.get(1)? })
            };
            statement.query_map([list], row)?.collect()
        })
    }

    /// Tells whether an index was put together here.
    ///
    /// # Errors
    /// [`StoreError::Metadata`].
    pub fn is_list(&self, list: &str) -> Result<bool, StoreError> {
        self.with_lists(|connection| {
            let query = "SELECT 1 FROM list_members WHERE list = ?1 LIMIT 1";
            Ok(connection.query_row(query, [list], |_| Ok(())).optional()?.is_some())
        })
    }

    /// Forgets that an index was put together here.
    ///
    /// # Errors
    /// [`StoreError::Metadata`].
    pub fn forget_list(&self, list: &str) -> Result<(), StoreError> {
        self.with_lists(|connection| connection.execute("DELETE FROM list_members WHERE list = ?1", [list]).map(|_| ()))
    }
}
