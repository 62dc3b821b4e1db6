//! Which repositories of registries have a blob or a manifest: it came from there, or was pushed there. A registry
//! takes it from one of them instead of having it sent again, and what came from a registry keeps its digest.

use rusqlite::params;

use super::{Store, StoreError};
use crate::digest::Digest;
use crate::reference::Reference;

pub(super) const TABLE: &str = "
    CREATE TABLE IF NOT EXISTS whereabouts (
        digest BLOB NOT NULL, domain TEXT NOT NULL, repository TEXT NOT NULL,
        PRIMARY KEY (digest, domain, repository)
    ) WITHOUT ROWID;
";

fn failed(source: rusqlite::Error) -> StoreError {
    StoreError::Metadata { operation: "look up where images came from", source }
}

impl Store {
    /// Notes that a repository has blobs or manifests.
    ///
    /// # Errors
    /// [`StoreError::Metadata`].
    pub fn note_whereabouts(&self, domain: &str, repository: &str, digests: &[Digest]) -> Result<(), StoreError> {
        let mut connection = self.inner.metadata.connection();
        let transaction = connection.transaction().map_err(failed)?;
        for digest in digests {
            let statement = "INSERT OR IGNORE INTO whereabouts VALUES (?1, ?2, ?3)";
            transaction.execute(statement, params![digest.as_bytes(), domain, repository]).map_err(failed)?;
        }
        transaction.commit().map_err(failed)
    }

    /// Returns repositories of a registry that have a blob, at most `limit`.
    ///
    /// # Errors
    /// [`StoreError::Metadata`].
    pub fn repositories_with(&self, digest: &Digest, domain: &str, limit: u32) -> Result<Vec<String>, StoreError> {
        let connection = self.inner.metadata.connection();
        let query = "SELECT repository FROM whereabouts WHERE digest = ?1 AND domain = ?2 LIMIT ?3";
        let mut statement = connection.prepare_cached(query).map_err(failed)?;
        let rows = statement.query_map(params![digest.as_bytes(), domain, limit], |row| row.get(0)).map_err(failed)?;
        rows.collect::<rusqlite::Result<_>>().map_err(failed)
    }

    /// Returns repositories of any registry that have a blob, at most `limit`, each as the name of an image in it.
    ///
    /// # Errors
    /// [`StoreError::Metadata`].
    pub fn places_of(&self, digest: &Digest, limit: u32) -> Result<Vec<Reference>, StoreError> {
        let connection = self.inner.metadata.connection();
        let query = "SELECT domain, repository FROM whereabouts WHERE digest = ?1 LIMIT ?2";
        let mut statement = connection.prepare_cached(query).map_err(failed)?;
        let name = |row: &rusqlite::Row<'_>| {
            Ok(format!("{}/{}", row.get::<_, String>(0)?, row.get::<_, String>(1)?).parse().ok())
        };
        let rows = statement.query_map(params![digest.as_bytes(), limit], name).map_err(failed)?;
        rows.filter_map(rusqlite::Result::transpose).collect::<rusqlite::Result<_>>().map_err(failed)
    }

    /// Tells whether a registry is known to have a manifest.
    ///
    /// # Errors
    /// [`StoreError::Metadata`].
    pub fn is_of_registry(&self, manifest: &Digest) -> Result<bool, StoreError> {
        let connection = self.inner.metadata.connection();
        let mut statement =
            connection.prepare_cached("SELECT 1 FROM whereabouts WHERE digest = ?1 LIMIT 1").map_err(failed)?;
        statement.exists([manifest.as_bytes()]).map_err(failed)
    }
}
