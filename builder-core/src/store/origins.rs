//! Layers that an image of the store has and the store does not: where they were when the image was built. And blobs
//! that were seen to be the layers that somebody said they are.

use rusqlite::{Connection, OptionalExtension, params};

use super::metadata::failed;
use super::{Store, StoreError};
use crate::digest::Digest;
use crate::layer::ContentId;
use crate::oci::BlobDescriptor;

pub(super) const TABLES: &str = "
    CREATE TABLE IF NOT EXISTS layer_origins (
        diff_id BLOB PRIMARY KEY, blob BLOB NOT NULL, size INTEGER NOT NULL, media_type TEXT NOT NULL,
        content BLOB, kind TEXT NOT NULL, place TEXT NOT NULL
    ) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS verified_layers (
        blob BLOB NOT NULL, diff_id BLOB NOT NULL, PRIMARY KEY (blob, diff_id)
    ) WITHOUT ROWID;
";

/// Where the blob of a layer is, in words that are understood later too.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum LayerAddress {
    /// In a registry: the name of an image or a cache there.
    Registry(String),
    /// In an OCI image layout: its directory.
    Layout(String),
}

impl LayerAddress {
    fn columns(&self) -> (&'static str, &str) {
        match self {
            Self::Registry(name) => ("registry", name),
            Self::Layout(directory) => ("layout", directory),
        }
    }

    fn of_columns(kind: &str, place: String) -> Option<Self> {
        match kind {
            "registry" => Some(Self::Registry(place)),
            "layout" => Some(Self::Layout(place)),
            _ => None,
        }
    }
}

/// A layer that is somewhere else.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LayerOrigin {
    /// Its blob, as it is there.
    pub blob: BlobDescriptor,
    /// Its content without times, for the layer of a step.
    pub content: Option<ContentId>,
    /// The place.
    pub address: LayerAddress,
}

impl Store {
    fn with_origins<T>(
        &self,
        operation: &'static str,
        action: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, StoreError> {
        let connection = self.inner.metadata.connection();
        action(&connection).map_err(failed(operation))
    }

    /// Notes where a layer is that is not here.
    ///
    /// # Errors
    /// [`StoreError::Metadata`].
    pub fn note_origin(&self, diff_id: &Digest, origin: &LayerOrigin) -> Result<(), StoreError> {
        let (kind, place) = origin.address.columns();
        let (blob, content) = (&origin.blob, origin.content.map(|content| content.0));
        self.with_origins("note where a layer is", |connection| {
            let values = params![
                diff_id.as_bytes(),
                blob.digest.as_bytes(),
                blob.size.cast_signed(),
                blob.media_type,
                content,
                kind,
                place
            ];
            let statement = "INSERT OR REPLACE INTO layer_origins VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
            connection.prepare_cached(statement)?.execute(values).map(|_| ())
        })
    }

    /// Returns where a layer was when an image with it was built.
    ///
    /// # Errors
    /// [`StoreError::Metadata`].
    pub fn origin(&self, diff_id: &Digest) -> Result<Option<LayerOrigin>, StoreError> {
        let query = "SELECT blob, size, media_type, content, kind, place FROM layer_origins WHERE diff_id = ?1";
        self.with_origins("look up where a layer is", |connection| {
            let row = |row: &rusqlite::Row<'_>| {
                let blob = BlobDescriptor {
                    digest: Digest::from_bytes(row.get(0)?),
                    size: row.get::<_, i64>(1)?.cast_unsigned(),
                    media_type: row.get(2)?,
                };
                let content: Option<[u8; 32]> = row.get(3)?;
                let address = LayerAddress::of_columns(&row.get::<_, String>(4)?, row.get(5)?);
                Ok(address.map(|address| LayerOrigin { blob, content: content.map(ContentId), address }))
            };
            Ok(connection.prepare_cached(query)?.query_row([diff_id.as_bytes()], row).optional()?.flatten())
        })
    }

    /// Notes that a blob was read and is this layer.
    ///
    /// # Errors
    /// [`StoreError::Metadata`].
    pub fn note_verified(&self, blob: &Digest, diff_id: &Digest) -> Result<(), StoreError> {
        self.with_origins("note what a blob is", |connection| {
            let statement = "INSERT OR IGNORE INTO verified_layers VALUES (?1, ?2)";
            connection.prepare_cached(statement)?.execute([blob.as_bytes(), diff_id.as_bytes()]).map(|_| ())
        })
    }

    /// Tells whether a blob was seen to be this layer: it was read, or made here.
    ///
    /// # Errors
    /// [`StoreError::Metadata`].
    pub fn is_verified(&self, blob: &Digest, diff_id: &Digest) -> Result<bool, StoreError> {
        self.with_origins("look up what a blob is", |connection| {
            let query = "SELECT 1 FROM verified_layers WHERE blob = ?1 AND diff_id = ?2
                         UNION ALL SELECT 1 FROM layer_forms WHERE digest = ?1 AND diff_id = ?2";
            connection.prepare_cached(query)?.exists([blob.as_bytes(), diff_id.as_bytes()])
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{Owner, StoreOptions};

    #[test]
    fn what_is_noted_is_known_to_the_next_process() {
        let dir = tempfile::tempdir().unwrap();
        let open = || Store::open(&StoreOptions { root: dir.path().to_owned(), owner: Owner::Root }).unwrap();
        let [layer, other, blob] = [b"layer", b"other", b"blob "].map(|bytes| Digest::of(bytes));
        let origin = |content, address| LayerOrigin {
            blob: BlobDescriptor { digest: blob, size: 7, media_type: "text".to_owned() },
            content,
            address,
        };
        let registry = origin(Some(ContentId([3; 32])), LayerAddress::Registry("example.org/a:1".to_owned()));
        let layout = origin(None, LayerAddress::Layout("/tmp".to_owned()));
        {
            let store = open();
            assert_eq!((store.origin(&layer).unwrap(), store.is_verified(&blob, &layer).unwrap()), (None, false));
            store.note_origin(&layer, &layout).unwrap();
            store.note_origin(&layer, &registry).unwrap();
            store.note_origin(&other, &layout).unwrap();
            store.note_verified(&blob, &layer).unwrap();
            store.note_verified(&blob, &layer).unwrap();
        }
        let store = open();
        assert_eq!((store.origin(&layer).unwrap(), store.origin(&other).unwrap()), (Some(registry), Some(layout)));
        assert_eq!(
            (store.is_verified(&blob, &layer).unwrap(), store.is_verified(&blob, &other).unwrap()),
            (true, false)
        );
        store.note_layer_form(&other, "gzip::1", &blob, 7).unwrap();
        assert!(store.is_verified(&blob, &other).unwrap());
    }
}
