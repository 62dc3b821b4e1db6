//! What is known of files and repositories elsewhere, so that they are not fetched again.
//!
//! Addresses are not kept, only digests of them: they may hold passwords.

use rusqlite::{OptionalExtension, params};
use serde::{Deserialize, Serialize};

use super::{Store, StoreError};
use crate::digest::Digest;

/// A version of a file of a web server.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct HttpRecord {
    /// Its digest.
    pub digest: Digest,
    /// Its size, in bytes.
    pub size: u64,
    /// The value of `ETag`.
    pub etag: Option<String>,
    /// The value of `Last-Modified`.
    pub last_modified: Option<String>,
    /// The same, where it is a date: seconds since 1970.
    pub modified: Option<i64>,
    /// The checksum in another algorithm that it was found to have.
    #[serde(default)]
    pub checksum: Option<String>,
}

fn failed(source: rusqlite::Error) -> StoreError {
    StoreError::Metadata { operation: "look up what was fetched", source }
}

fn key_of(url: &str) -> [u8; 32] {
    *blake3::hash(url.as_bytes()).as_bytes()
}

impl Store {
    /// Returns what is known of the file at an address.
    ///
    /// # Errors
    /// [`StoreError::Metadata`].
    pub fn http_record(&self, url: &str) -> Result<Option<HttpRecord>, StoreError> {
        let connection = self.inner.metadata.connection();
        let query = "SELECT record FROM remote_files WHERE key = ?1";
        let text: Option<String> =
            connection.query_row(query, [key_of(url)], |row| row.get(0)).optional().map_err(failed)?;
        // What another version wrote is fetched again.
        Ok(text.and_then(|text| serde_json::from_str(&text).ok()))
    }

    /// Remembers the version of the file at an address.
    ///
    /// # Errors
    /// [`StoreError::Metadata`].
    pub fn put_http_record(&self, url: &str, record: &HttpRecord) -> Result<(), StoreError> {
        let text = serde_json::to_string(record).unwrap_or_default();
        let statement = "INSERT OR REPLACE INTO remote_files VALUES (?1, ?2)";
        self.inner.metadata.connection().execute(statement, params![key_of(url), text]).map_err(failed)?;
        Ok(())
    }

    /// Returns the time of a git commit or an archive, where it was seen before: seconds since 1970.
    ///
    /// # Errors
    /// [`StoreError::Metadata`].
    pub fn remote_time(&self, id: &str) -> Result<Option<i64>, StoreError> {
        let connection = self.inner.metadata.connection();
        let query = "SELECT seconds FROM remote_times WHERE id = ?1";
        connection.query_row(query, [id], |row| row.get(0)).optional().map_err(failed)
    }

    /// Remembers the time of a git commit or an archive.
    ///
    /// # Errors
    /// [`StoreError::Metadata`].
    pub fn put_remote_time(&self, id: &str, seconds: i64) -> Result<(), StoreError> {
        let statement = "INSERT OR REPLACE INTO remote_times VALUES (?1, ?2)";
        self.inner.metadata.connection().execute(statement, params![id, seconds]).map_err(failed)?;
        Ok(())
    }
}
