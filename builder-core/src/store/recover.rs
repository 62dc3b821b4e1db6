//! What becomes of a database that is gone or damaged.
//!
//! Blobs and `index.json` say what images there are: a new database begins with those whose documents are there. What
//! else was in it is a cache. Snapshots that no record knows go with the next collection. A damaged database is moved
//! aside and kept, as `metadata.sqlite.damaged`.
//!
//! Damage in the middle of the file shows when it is read, which may be late. Then the command fails, leaves the file
//! `metadata.damaged`, and the next one begins anew.

use std::collections::BTreeMap;
use std::error::Error;
use std::fs::{self, File};
use std::path::Path;

use rusqlite::ErrorCode;
use rustix::fs::FlockOperation;
use serde_json::Value;

use super::metadata::Metadata;
use super::{ImageRecord, StoreError};
use crate::digest::Digest;
use crate::fs::PathContext;
use crate::oci::{MAX_CONFIG_SIZE, MAX_MANIFEST_SIZE};

const DATABASE: &str = "metadata.sqlite";
const MARK: &str = "metadata.damaged";
/// The largest index that is read, in bytes.
const MAX_INDEX_BYTES: u64 = 64 * 1024 * 1024;

/// Opens the database; tells what was wrong with it, for people.
pub(super) fn open(root: &Path) -> Result<(Metadata, Vec<String>), StoreError> {
    let path = root.join(DATABASE);
    let is_new = fs::metadata(&path).map_or(true, |metadata| metadata.len() == 0);
    let is_marked = || root.join(MARK).exists();
    let known = || named_images(root);
    match Metadata::open(&path, known) {
        Ok(metadata) if !is_marked() => {
            let lost = is_new && fs::read_dir(root.join("snapshots")).is_ok_and(|mut found| found.next().is_some());
            let note = lost.then(|| {
                "the store's database was missing and has been made anew: images with a name are there, the cache is empty"
                    .to_owned()
            });
            return Ok((metadata, note.into_iter().collect()));
        }
        Ok(_) => {}
        Err(error) if is_damaged_database(&error) => {}
        Err(error) => return Err(error),
    }
    // One process at a time: another one may have begun anew already.
    let gate = File::open(root.join("snapshots")).at("open", root)?;
    rustix::fs::flock(&gate, FlockOperation::LockExclusive).at("lock", root)?;
    match Metadata::open(&path, known) {
        Ok(metadata) if !is_marked() => return Ok((metadata, Vec::new())),
        Ok(_) => {}
        Err(error) if is_damaged_database(&error) => {}
        Err(error) => return Err(error),
    }
    for suffix in ["-wal", "-shm", ""] {
        let from = root.join(format!("{DATABASE}{suffix}"));
        let to = root.join(format!("{DATABASE}.damaged{suffix}"));
        match fs::rename(&from, &to) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            other => other.at("rename", &from)?,
        }
    }
    let metadata = Metadata::open(&path, known)?;
    if is_marked() {
        let mark = root.join(MARK);
        fs::remove_file(&mark).at("remove", &mark)?;
    }
    let note = "the store's database was damaged and has been made anew: images with a name are there, the cache is \
                empty; the old file is `metadata.sqlite.damaged` in the store";
    Ok((metadata, vec![note.to_owned()]))
}

/// Tells whether an error means that the store's database is damaged.
pub fn is_damaged_database(error: &(dyn Error + 'static)) -> bool {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(error) = error.downcast_ref::<rusqlite::Error>() {
            let code = error.sqlite_error_code();
            let text = error.to_string();
            // A database whose tables are not those that its version says.
            let odd = text.starts_with("no such table") || text.starts_with("no such column");
            // A value that is none of its column's.
            let bad = matches!(
                error,
                rusqlite::Error::FromSqlConversionFailure(..)
                    | rusqlite::Error::IntegralValueOutOfRange(..)
                    | rusqlite::Error::InvalidColumnType(..)
                    | rusqlite::Error::Utf8Error(..)
            );
            return odd || bad || matches!(code, Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase));
        }
        next = error.source();
    }
    false
}

/// Tells whether an error means that the store's database has no space left on its disk.
pub fn is_full_database(error: &(dyn Error + 'static)) -> bool {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(error) = error.downcast_ref::<rusqlite::Error>() {
            let extended = error.sqlite_error().map(|error| error.extended_code);
            return error.sqlite_error_code() == Some(ErrorCode::DiskFull)
                || extended == Some(rusqlite::ffi::SQLITE_IOERR_SHMSIZE);
        }
        next = error.source();
    }
    false
}

/// Says that the database of a store is damaged, so that whoever opens it next begins anew.
///
/// # Errors
/// [`StoreError::Path`].
pub fn mark_damaged_database(root: &Path) -> Result<(), StoreError> {
    let mark = root.join(MARK);
    fs::write(&mark, "").at("write", &mark)?;
    Ok(())
}

/// The images of `index.json` whose documents are there and right.
fn named_images(root: &Path) -> Vec<ImageRecord> {
    let index = root.join("index.json");
    if fs::metadata(&index).map_or(true, |metadata| metadata.len() > MAX_INDEX_BYTES) {
        return Vec::new();
    }
    let index: Value = fs::read(index).ok().and_then(|text| serde_json::from_slice(&text).ok()).unwrap_or_default();
    let descriptors = index["manifests"].as_array().into_iter().flatten();
    let images: BTreeMap<String, ImageRecord> =
        descriptors.filter_map(|descriptor| image(root, descriptor)).map(|image| (image.name.clone(), image)).collect();
    images.into_values().collect()
}

fn image(root: &Path, descriptor: &Value) -> Option<ImageRecord> {
    let name = descriptor["annotations"]["io.containerd.image.name"].as_str()?.to_owned();
    let manifest: Digest = descriptor["digest"].as_str()?.parse().ok()?;
    let bytes = document(root, &manifest, MAX_MANIFEST_SIZE)?;
    let value: Value = serde_json::from_slice(&bytes).ok()?;
    let config: Option<Digest> = value["config"]["digest"].as_str().and_then(|text| text.parse().ok());
    let created = config.and_then(|config| {
        let config: Value = serde_json::from_slice(&document(root, &config, MAX_CONFIG_SIZE)?).ok()?;
        Some(config["created"].as_str()?.to_owned())
    });
    Some(ImageRecord {
        name,
        manifest,
        manifest_size: bytes.len() as u64,
        media_type: descriptor["mediaType"].as_str()?.to_owned(),
        config: config.unwrap_or(manifest),
        created: created.unwrap_or_default(),
    })
}

fn document(root: &Path, digest: &Digest, limit: u64) -> Option<Vec<u8>> {
    let path = root.join("blobs/sha256").join(digest.hex());
    if fs::metadata(&path).ok()?.len() > limit {
        return None;
    }
    fs::read(path).ok().filter(|bytes| Digest::of(bytes) == *digest)
}
