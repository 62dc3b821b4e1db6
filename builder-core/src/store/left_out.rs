//! Layers with device nodes that their files do not have: which ones. Who writes the layers out again looks into their
//! archives.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use rusqlite::{OptionalExtension, TransactionBehavior, params};

use super::metadata::failed;
use super::{Store, StoreError};
use crate::digest::Digest;
use crate::layer::{Attributes, Device, LeftOut};

pub(super) const TABLES: &str = "
    CREATE TABLE IF NOT EXISTS left_out (diff_id BLOB PRIMARY KEY) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS left_out_nodes (
        diff_id BLOB NOT NULL, path BLOB NOT NULL, kind INTEGER NOT NULL, mode INTEGER NOT NULL, uid INTEGER NOT NULL,
        gid INTEGER NOT NULL, mtime INTEGER NOT NULL, major INTEGER NOT NULL, minor INTEGER NOT NULL,
        first BLOB NOT NULL, PRIMARY KEY (diff_id, path)
    ) WITHOUT ROWID;
";

impl Store {
    /// Notes the device nodes that the files of a layer are without.
    ///
    /// # Errors
    /// [`StoreError::Metadata`].
    pub(crate) fn note_left_out(&self, diff_id: &Digest, nodes: &LeftOut) -> Result<(), StoreError> {
        let failed = &failed("note device nodes");
        let mut connection = self.inner.metadata.connection();
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failed)?;
        for (path, device) in nodes.all() {
            let Attributes { mode, uid, gid, mtime, device: (major, minor), .. } = device.attributes;
            let (path, first) = (path.as_os_str().as_bytes(), device.first.as_os_str().as_bytes());
            let values = params![diff_id.as_bytes(), path, device.kind, mode, uid, gid, mtime, major, minor, first];
            let statement = "INSERT OR IGNORE INTO left_out_nodes VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)";
            transaction.execute(statement, values).map_err(failed)?;
        }
        let statement = "INSERT OR IGNORE INTO left_out VALUES (?1)";
        transaction.execute(statement, [diff_id.as_bytes()]).map_err(failed)?;
        transaction.commit().map_err(failed)
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

    /// Returns the device nodes that the files of a layer are without, as the layer has them.
    ///
    /// # Errors
    /// [`StoreError::Metadata`].
    pub(crate) fn left_out(&self, diff_id: &Digest) -> Result<LeftOut, StoreError> {
        let failed = &failed("look up device nodes");
        let connection = self.inner.metadata.connection();
        let query = "SELECT path, kind, mode, uid, gid, mtime, major, minor, first FROM left_out_nodes \
                     WHERE diff_id = ?1";
        let mut statement = connection.prepare_cached(query).map_err(failed)?;
        let mut rows = statement.query([diff_id.as_bytes()]).map_err(failed)?;
        let mut nodes = LeftOut::default();
        while let Some(row) = rows.next().map_err(failed)? {
            let (path, device) = node(row).map_err(failed)?;
            nodes.put(Path::new(OsStr::from_bytes(&path)), device);
        }
        Ok(nodes)
    }
}

fn node(row: &rusqlite::Row<'_>) -> rusqlite::Result<(Vec<u8>, Device)> {
    let attributes = Attributes {
        mode: row.get(2)?,
        uid: row.get(3)?,
        gid: row.get(4)?,
        mtime: row.get(5)?,
        device: (row.get(6)?, row.get(7)?),
        size: 0,
    };
    let first: Vec<u8> = row.get(8)?;
    let first = Path::new(OsStr::from_bytes(&first)).to_owned();
    Ok((row.get(0)?, Device { kind: row.get(1)?, attributes, first, layer: 0 }))
}
