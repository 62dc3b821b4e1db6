//! Images: the database knows them, and `index.json` shows those with a name to other tools.

use std::collections::BTreeSet;
use std::fs;

use rusqlite::{OptionalExtension, Row, params};
use serde_json::{Value, json};

use super::collect::Needs;
use super::layout::write_atomically;
use super::{Store, StoreError};
use crate::digest::Digest;
use crate::fs::PathContext;
use crate::oci::{Document, MAX_MANIFEST_SIZE, media_type};
use crate::reference::{DEFAULT_TAG, Reference};

/// Nested indexes are followed this deep; one is usual, two exist.
pub(super) const MAX_INDEX_DEPTH: usize = 4;

/// An image, under a name where it has one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ImageRecord {
    /// The full reference, `docker.io/library/debian:12`; empty for an image without a name.
    pub name: String,
    /// The digest of the manifest, or of the index of images for several platforms.
    pub manifest: Digest,
    /// The size of that document, in bytes.
    pub manifest_size: u64,
    /// Its media type.
    pub media_type: String,
    /// What the image is called without a name: the digest of the config, or of the index.
    pub config: Digest,
    /// When the image was made, RFC 3339; empty where unknown.
    pub created: String,
}

/// Names and images that go, all at once.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct NameChanges {
    /// Names, and the manifests of the images whose names they are.
    pub untagged: Vec<(String, Digest)>,
    /// The manifests of images without a name.
    pub forgotten: Vec<Digest>,
}

const COLUMNS: &str = "name, manifest, manifest_size, media_type, config, created";
const NAMELESS: &str = "'', manifest, manifest_size, media_type, config, created";

fn record(row: &Row<'_>) -> rusqlite::Result<ImageRecord> {
    Ok(ImageRecord {
        name: row.get(0)?,
        manifest: Digest::from_bytes(row.get(1)?),
        manifest_size: row.get::<_, i64>(2)?.cast_unsigned(),
        media_type: row.get(3)?,
        config: Digest::from_bytes(row.get(4)?),
        created: row.get(5)?,
    })
}

fn failed(source: rusqlite::Error) -> StoreError {
    StoreError::Metadata { operation: "use the image names", source }
}

impl Store {
    /// Gives an image a name. The name moves where it was another image's, which stays without one where it was
    /// its last.
    ///
    /// # Errors
    /// [`StoreError::Metadata`], [`StoreError::Path`].
    pub fn tag(&self, image: &ImageRecord) -> Result<(), StoreError> {
        self.tag_all(std::slice::from_ref(image))
    }

    /// Does the same for several, all at once; one without a name is kept.
    ///
    /// # Errors
    /// As [`Store::tag`].
    pub fn tag_all(&self, images: &[ImageRecord]) -> Result<(), StoreError> {
        if images.is_empty() {
            return Ok(());
        }
        self.changing_names(|connection| {
            for image in images {
                if image.name.is_empty() {
                    keep(connection, image)?;
                    continue;
                }
                let before = named(connection, &image.name)?;
                put(connection, image)?;
                before.map_or(Ok(()), |before| keep(connection, &before))?;
            }
            Ok(())
        })
    }

    /// Takes names and images without one away, all at once. A name that has become another image's meanwhile stays.
    ///
    /// # Errors
    /// As [`Store::tag`].
    pub fn change_names(&self, changes: &NameChanges) -> Result<(), StoreError> {
        if changes.untagged.is_empty() && changes.forgotten.is_empty() {
            return Ok(());
        }
        self.changing_names(|connection| {
            for (name, manifest) in &changes.untagged {
                let mut delete = connection.prepare_cached("DELETE FROM images WHERE name = ?1 AND manifest = ?2")?;
                delete.execute(params![name, manifest.as_bytes()])?;
            }
            for manifest in &changes.forgotten {
                let mut delete = connection.prepare_cached("DELETE FROM unnamed_images WHERE manifest = ?1")?;
                delete.execute([manifest.as_bytes()])?;
            }
            Ok(())
        })
    }

    /// Gives one image of an index a name. Where the name is that of another image of the index, or of the index
    /// itself, it becomes or stays the index's: then a name stands for all platforms that were asked for.
    ///
    /// # Errors
    /// As [`Store::tag`].
    pub fn tag_of_index(&self, image: &ImageRecord, index: &ImageRecord, members: &[Digest]) -> Result<(), StoreError> {
        self.changing_names(|connection| {
            let before = named(connection, &image.name)?;
            let shared = before.as_ref().is_some_and(|before| {
                before.manifest == index.manifest
                    || (before.manifest != image.manifest && members.contains(&before.manifest))
            });
            let record = if shared { index } else { image };
            put(connection, record)?;
            match before {
                Some(before) if !shared => keep(connection, &before),
                _ => Ok(()),
            }
        })
    }

    /// Keeps an image that may have no name; one that is there already, under a name or without, stays as it is.
    ///
    /// # Errors
    /// [`StoreError::Metadata`].
    pub fn keep(&self, image: &ImageRecord) -> Result<(), StoreError> {
        keep(&self.inner.metadata.connection(), image).map_err(failed)
    }

    /// Forgets an image without a name; tells whether it was there.
    ///
    /// # Errors
    /// [`StoreError::Metadata`].
    pub fn forget(&self, manifest: &Digest) -> Result<bool, StoreError> {
        let connection = self.inner.metadata.connection();
        let statement = "DELETE FROM unnamed_images WHERE manifest = ?1";
        Ok(connection.execute(statement, [manifest.as_bytes()]).map_err(failed)? > 0)
    }

    /// Takes a name away; tells whether it was there.
    ///
    /// # Errors
    /// [`StoreError::Metadata`], [`StoreError::Path`].
    pub fn untag(&self, reference: &Reference) -> Result<bool, StoreError> {
        let name = reference.to_string();
        Ok(self.changing_names(|connection| connection.execute("DELETE FROM images WHERE name = ?1", [name]))? > 0)
    }

    /// Takes names away and keeps their images, without a name where it was their last.
    ///
    /// # Errors
    /// [`StoreError::Metadata`], [`StoreError::Path`].
    pub fn untag_and_keep(&self, references: &[Reference]) -> Result<(), StoreError> {
        self.changing_names(|connection| {
            for name in references.iter().map(Reference::to_string) {
                let before = named(connection, &name)?;
                connection.prepare_cached("DELETE FROM images WHERE name = ?1")?.execute([&name])?;
                before.as_ref().map_or(Ok(()), |before| keep(connection, before))?;
            }
            Ok(())
        })
    }

    /// Tells whether `index.json` is there and shows an image; somebody may have removed it.
    pub fn shows(&self, record: &ImageRecord) -> bool {
        let index = fs::read_to_string(self.root().join("index.json")).unwrap_or_default();
        index.contains(&record.manifest.to_string())
    }

    /// Changes names and writes `index.json` anew within one transaction, so that the last writer of the file
    /// is the last one of the database.
    fn changing_names<T>(
        &self,
        change: impl FnOnce(&rusqlite::Connection) -> rusqlite::Result<T>,
    ) -> Result<T, StoreError> {
        let mut connection = self.inner.metadata.connection();
        let transaction =
            connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate).map_err(failed)?;
        let outcome = change(&transaction).map_err(failed)?;
        let images = list(&transaction)?;
        let text = json!({
            "schemaVersion": 2,
            "mediaType": media_type::OCI_INDEX,
            "manifests": images.iter().flat_map(descriptors).collect::<Vec<_>>(),
        });
        write_atomically(self.root(), &self.root().join("index.json"), text.to_string().as_bytes())?;
        transaction.commit().map_err(failed)?;
        drop(connection);
        // A name that was given stays given when the machine loses power.
        super::durable::sync_database(self.root())?;
        Ok(outcome)
    }

    /// Returns the image of a name.
    ///
    /// # Errors
    /// [`StoreError::Metadata`].
    pub fn image(&self, reference: &Reference) -> Result<Option<ImageRecord>, StoreError> {
        named(&self.inner.metadata.connection(), &reference.to_string()).map_err(failed)
    }

    /// Returns all named images, by name.
    ///
    /// # Errors
    /// [`StoreError::Metadata`].
    pub fn images(&self) -> Result<Vec<ImageRecord>, StoreError> {
        list(&self.inner.metadata.connection())
    }

    /// Returns all images without a name, the newest first.
    ///
    /// # Errors
    /// [`StoreError::Metadata`].
    pub fn unnamed_images(&self) -> Result<Vec<ImageRecord>, StoreError> {
        select(
            &self.inner.metadata.connection(),
            &format!("SELECT {NAMELESS} FROM unnamed_images ORDER BY created DESC, manifest"),
        )
    }

    /// Returns all images: those with a name, by name, and then the others.
    ///
    /// # Errors
    /// [`StoreError::Metadata`].
    pub fn all_images(&self) -> Result<Vec<ImageRecord>, StoreError> {
        let mut images = self.images()?;
        images.extend(self.unnamed_images()?);
        Ok(images)
    }

    /// Finds images by what a person typed: a name, or the first digits of an image's or manifest's digest.
    ///
    /// # Errors
    /// [`StoreError::Metadata`].
    pub fn find_images(&self, text: &str) -> Result<Vec<ImageRecord>, StoreError> {
        if let Ok(reference) = text.parse::<Reference>() {
            if let Some(image) = self.image(&reference)? {
                return Ok(vec![image]);
            }
            if let Some(digest) = reference.digest() {
                return self.with_digest(&reference, digest);
            }
        }
        let digits = text.strip_prefix("sha256:").unwrap_or(text);
        if digits.len() < 4 || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Ok(Vec::new());
        }
        let matches = |digest: &Digest| digest.hex().starts_with(digits);
        Ok(self.all_images()?.into_iter().filter(|i| matches(&i.config) || matches(&i.manifest)).collect())
    }

    /// The image that a name with a digest means, where that is not its own: under another tag or none, or with a tag
    /// alone.
    fn with_digest(&self, reference: &Reference, digest: &Digest) -> Result<Vec<ImageRecord>, StoreError> {
        let means = |image: &ImageRecord| {
            image.name.parse::<Reference>().is_ok_and(|name| {
                let same = (name.domain(), name.path()) == (reference.domain(), reference.path());
                same && (image.manifest == *digest || name.digest() == Some(digest))
            })
        };
        Ok(self.images()?.into_iter().find(means).into_iter().collect())
    }

    /// Tells whether what a reference says about the image of its name is true: without a digest it says nothing,
    /// and with one it must be the manifest's, or that of an index in the store which leads to the manifest. A name
    /// alone proves nothing: an archive can give any.
    ///
    /// # Errors
    /// [`StoreError`] where an index cannot be read.
    pub fn is_true_of(&self, reference: &Reference, image: &ImageRecord) -> Result<bool, StoreError> {
        match reference.digest() {
            Some(digest) if *digest != image.manifest => Ok(!self.indexes_between(digest, &image.manifest)?.is_empty()),
            _ => Ok(true),
        }
    }

    /// Finds the indexes of the store on the way from a digest down to a manifest; none where it does not lead
    /// there.
    pub(super) fn indexes_between(&self, from: &Digest, to: &Digest) -> Result<Vec<Digest>, StoreError> {
        let mut level = vec![vec![*from]];
        let mut seen = BTreeSet::from([*from]);
        for _ in 0..MAX_INDEX_DEPTH {
            let mut next = Vec::new();
            for way in level {
                let Some(last) = way.last().filter(|digest| self.size_of(digest).is_some()) else { continue };
                let bytes = self.read_blob(last, MAX_MANIFEST_SIZE)?;
                let Ok(Document::Index(entries)) = Document::parse(&bytes, None) else { continue };
                if entries.iter().any(|entry| entry.descriptor.digest == *to) {
                    return Ok(way);
                }
                let below = entries.iter().map(|entry| entry.descriptor.digest).filter(|digest| seen.insert(*digest));
                next.extend(below.map(|digest| [&way[..], &[digest]].concat()));
            }
            level = next;
        }
        Ok(Vec::new())
    }

    /// Removes the blobs that no image needs, where no other process uses the store; tells how many
    /// bytes that freed, or `None` where the store was in use.
    ///
    /// # Errors
    /// [`StoreError`] where a manifest cannot be read.
    pub fn remove_unreferenced(&self) -> Result<Option<u64>, StoreError> {
        self.inner.layout.exclusively(|| {
            let mut needed = Needs::default();
            for image in self.all_images()? {
                match needed.add(self, &image) {
                    // One without a name that cannot be read is nobody's any more.
                    Err(_) if image.name.is_empty() => {}
                    other => other?,
                }
            }
            let needed: BTreeSet<String> = needed.blobs.iter().map(Digest::hex).collect();
            let directory = self.root().join("blobs/sha256");
            let mut freed = 0;
            for entry in std::fs::read_dir(&directory).at("list", &directory)? {
                let entry = entry.at("list", &directory)?;
                if !needed.contains(&*entry.file_name().to_string_lossy()) {
                    freed += entry.metadata().at("examine", entry.path())?.len();
                    std::fs::remove_file(entry.path()).at("remove", entry.path())?;
                }
            }
            Ok(freed)
        })
    }
}

/// Returns the record of a name.
fn named(connection: &rusqlite::Connection, name: &str) -> rusqlite::Result<Option<ImageRecord>> {
    let query = format!("SELECT {COLUMNS} FROM images WHERE name = ?1");
    connection.prepare_cached(&query)?.query_row([name], record).optional()
}

/// Writes the record of a name.
fn put(connection: &rusqlite::Connection, image: &ImageRecord) -> rusqlite::Result<()> {
    let values = params![
        image.name,
        image.manifest.as_bytes(),
        image.manifest_size.cast_signed(),
        image.media_type,
        image.config.as_bytes(),
        image.created
    ];
    connection.prepare_cached("INSERT OR REPLACE INTO images VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?.execute(values)?;
    let mut delete = connection.prepare_cached("DELETE FROM unnamed_images WHERE manifest = ?1")?;
    delete.execute([image.manifest.as_bytes()]).map(|_| ())
}

/// Writes the record of a name that has none.
pub(super) fn put_new(connection: &rusqlite::Connection, image: &ImageRecord) -> rusqlite::Result<()> {
    let known = connection.prepare_cached("SELECT 1 FROM images WHERE name = ?1")?.exists([&image.name])?;
    if known { Ok(()) } else { put(connection, image) }
}

fn keep(connection: &rusqlite::Connection, image: &ImageRecord) -> rusqlite::Result<()> {
    let manifest = image.manifest.as_bytes();
    // Looked up first: most builds make what is there, and writing would wait for whoever else writes.
    let known = "SELECT 1 FROM images WHERE manifest = ?1 UNION ALL SELECT 1 FROM unnamed_images WHERE manifest = ?1";
    if connection.prepare_cached(known)?.exists([manifest])? {
        return Ok(());
    }
    let (size, config) = (image.manifest_size.cast_signed(), image.config.as_bytes());
    let values = params![manifest, size, image.media_type, config, image.created];
    connection.execute("INSERT OR IGNORE INTO unnamed_images VALUES (?1, ?2, ?3, ?4, ?5)", values).map(|_| ())
}

fn list(connection: &rusqlite::Connection) -> Result<Vec<ImageRecord>, StoreError> {
    select(connection, &format!("SELECT {COLUMNS} FROM images ORDER BY name"))
}

fn select(connection: &rusqlite::Connection, query: &str) -> Result<Vec<ImageRecord>, StoreError> {
    let mut statement = connection.prepare_cached(query).map_err(failed)?;
    let rows = statement.query_map([], record).map_err(failed)?;
    rows.collect::<rusqlite::Result<_>>().map_err(failed)
}

/// The descriptors of one image in `index.json`: under its short name with the tag, and where that is
/// `latest` without it too, as people type it.
fn descriptors(image: &ImageRecord) -> Vec<Value> {
    let Ok(reference) = image.name.parse::<Reference>() else { return Vec::new() };
    let mut names = vec![reference.familiar()];
    if reference.tag() == Some(DEFAULT_TAG) && reference.digest().is_none() {
        names.push(reference.familiar_name());
    }
    let descriptor = |name: String| {
        json!({
            "mediaType": image.media_type,
            "digest": image.manifest,
            "size": image.manifest_size,
            "annotations": {
                "io.containerd.image.name": image.name,
                "org.opencontainers.image.ref.name": name,
            },
        })
    };
    names.into_iter().map(descriptor).collect()
}
