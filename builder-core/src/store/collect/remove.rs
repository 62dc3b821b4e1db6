//! Takes chosen things out of the store and deletes them.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use rusqlite::{Connection, TransactionBehavior, params};
use rustix::fs::FlockOperation;

use super::inventory::{Claims, Entry, Place, Uses, uses};
use super::measure::{Shares, Tree};
use super::{CacheItem, Needs, PruneOptions, Pruned, is_free, is_of_unnamed};
use crate::digest::Digest;
use crate::fs::PathContext;
use crate::store::hold::now;
use crate::store::{ImageRecord, Store, StoreError, remove_tree};

/// How long the last use of something is remembered that is not there, in seconds.
const MEMORY: i64 = 90 * 86_400;

/// Removes what nobody needs by now.
pub(super) fn remove(store: &Store, chosen: &[Entry], options: &PruneOptions<'_>) -> Result<Pruned, StoreError> {
    let trash = store.work_dir()?;
    let mut pruned = Pruned::default();
    let mut taken: Vec<(&Entry, PathBuf)> = Vec::new();
    let recorded = {
        let _gate = store.gate_alone()?;
        let claims = Claims::of(store)?;
        let uses = uses(store)?;
        let mut free: Vec<&Entry> =
            chosen.iter().filter(|entry| is_still_free(entry, &claims, &uses, options)).collect();
        // Images that lose something go first: one that is listed is whole, whenever this process is killed. With no
        // space left the database takes nothing; then they stay.
        let images = forgotten(&claims, &free, options);
        let manifests: Vec<[u8; 32]> = images.iter().map(|(image, _)| *image.manifest.as_bytes()).collect();
        if forget_images(store, &manifests).is_ok() {
            pruned.images = images.iter().map(|(image, _)| image.config.to_string()).collect();
        } else {
            free.retain(|entry| !images.iter().any(|(_, needs)| is_of_unnamed(entry, needs)));
        }
        for (number, entry) in free.into_iter().enumerate() {
            let place = trash.path().join(number.to_string());
            if take(&store.root().join(entry.place.path()), &place, &entry.place)? {
                taken.push((entry, place));
            }
        }
        let entries: Vec<&Entry> = taken.iter().map(|(entry, _)| *entry).collect();
        // Records without a directory are no hits: they can wait until there is space.
        forget(store, &entries).map_err(|_| entries.clone())
    };
    let mut shares = Shares::default();
    for (entry, place) in &taken {
        let bytes = shares.next(&Tree::of(place)?);
        pruned.freed += bytes;
        pruned.items.push(CacheItem { disk_size: bytes, reclaimable: true, ..entry.item.clone() });
    }
    for (_, place) in &taken {
        remove_tree(place)?;
    }
    if let Err(entries) = recorded {
        let _gate = store.gate_alone()?;
        forget(store, &entries)?;
    }
    Ok(pruned)
}

/// Moves something away; tells whether it was there and nobody used it.
fn take(from: &Path, to: &Path, place: &Place) -> Result<bool, StoreError> {
    let lock = match place {
        // Steps hold this lock, and who looks for an instance is behind the gate.
        Place::Mount(..) => Some(from.join("lock")),
        // Who goes on with a download holds it, and sees that it is another file once the lock is theirs.
        Place::Download(_) => Some(from.to_owned()),
        _ => None,
    };
    let _lock = match lock.map(File::open) {
        Some(Ok(lock)) if rustix::fs::flock(&lock, FlockOperation::NonBlockingLockExclusive).is_ok() => Some(lock),
        Some(_) => return Ok(false),
        None => None,
    };
    match fs::rename(from, to) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(false),
        other => Ok(other.map(|()| true).at("rename", from)?),
    }
}

/// Whether nobody has come to need an entry since it was chosen.
fn is_still_free(entry: &Entry, claims: &Claims, uses: &Uses, options: &PruneOptions<'_>) -> bool {
    let mut now = entry.clone();
    claims.mark(&mut now);
    let latest = entry.ids.iter().filter_map(|id| uses.get(id)).map(|(used, ..)| *used).max();
    is_free(&now, options) && latest.is_none_or(|latest| latest <= entry.item.last_used)
}

/// The images without a name that lose something, or that cannot be read any more.
fn forgotten<'c>(claims: &'c Claims, taken: &[&Entry], options: &PruneOptions<'_>) -> Vec<&'c (ImageRecord, Needs)> {
    let is_asked = options.all || options.unnamed_images;
    let loses = |needs: &Needs| is_asked && taken.iter().any(|entry| is_of_unnamed(entry, needs));
    claims.unnamed.iter().filter(|(_, needs)| needs.blobs.is_empty() || loses(needs)).collect()
}

fn forget_images(store: &Store, manifests: &[[u8; 32]]) -> rusqlite::Result<()> {
    if manifests.is_empty() {
        return Ok(());
    }
    let mut connection = store.inner.metadata.connection();
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    for manifest in manifests {
        transaction.execute("DELETE FROM unnamed_images WHERE manifest = ?1", [manifest])?;
    }
    transaction.commit()
}

fn forget(store: &Store, taken: &[&Entry]) -> Result<(), StoreError> {
    let failed = |source| StoreError::Metadata { operation: "forget what was removed", source };
    let directories = existing(store)?;
    let mut connection = store.inner.metadata.connection();
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failed)?;
    delete(store, &transaction, taken, &directories).map_err(failed)?;
    transaction.commit().map_err(failed)
}

/// The directories of snapshots that are there.
fn existing(store: &Store) -> Result<Vec<String>, StoreError> {
    let names = super::inventory::listed(&store.snapshots_dir())?.into_keys();
    Ok(names.filter_map(|name| name.into_string().ok()).collect())
}

fn delete(store: &Store, connection: &Connection, taken: &[&Entry], directories: &[String]) -> rusqlite::Result<()> {
    for entry in taken {
        let ids: &[Digest] = if matches!(entry.place, Place::Merged(_)) { &[] } else { &entry.ids };
        for id in ids {
            connection.execute("DELETE FROM last_used WHERE id = ?1", [id.as_bytes()])?;
        }
        let place = entry.place.path().to_string_lossy().into_owned();
        connection.execute("DELETE FROM disk_usage WHERE place = ?1", [place])?;
    }
    connection.execute("DELETE FROM last_used WHERE used < ?1", [now() - MEMORY])?;
    let mut gone = without_directory(connection, directories)?;
    gone.extend(taken.iter().filter_map(|entry| match entry.place {
        Place::Blob(digest) => Some(digest),
        _ => None,
    }));
    // A layer may still be there on another chain, or as a blob.
    for diff_id in gone.iter().filter(|diff_id| store.size_of(diff_id).is_none()) {
        let statement = "DELETE FROM cache WHERE diff_id = ?1 AND diff_id NOT IN (SELECT diff_id FROM snapshots)";
        connection.execute(statement, [diff_id.as_bytes()])?;
    }
    forget_checksums(store, connection)
}

/// Forgets the checksums of blobs that are not there, whoever removed them.
fn forget_checksums(store: &Store, connection: &Connection) -> rusqlite::Result<()> {
    let mut statement = connection.prepare("SELECT digest FROM blob_checksums")?;
    let noted = statement.query_map([], |row| Ok(Digest::from_bytes(row.get(0)?)))?;
    for digest in noted.collect::<rusqlite::Result<Vec<Digest>>>()? {
        if store.size_of(&digest).is_none() {
            connection.execute("DELETE FROM blob_checksums WHERE digest = ?1", [digest.as_bytes()])?;
        }
    }
    Ok(())
}

/// Deletes the records of snapshots whose directory is not there, whoever removed it, and returns their layers.
fn without_directory(connection: &Connection, directories: &[String]) -> rusqlite::Result<Vec<Digest>> {
    connection
        .execute_batch("CREATE TEMP TABLE IF NOT EXISTS there (directory TEXT PRIMARY KEY); DELETE FROM there;")?;
    for directory in directories {
        connection.execute("INSERT OR IGNORE INTO there VALUES (?1)", params![directory])?;
    }
    let missing = "FROM snapshots WHERE directory NOT IN (SELECT directory FROM there)";
    let gone = {
        let mut statement = connection.prepare(&format!("SELECT DISTINCT diff_id {missing}"))?;
        let rows = statement.query_map([], |row| Ok(Digest::from_bytes(row.get(0)?)))?;
        rows.collect::<rusqlite::Result<Vec<Digest>>>()?
    };
    connection.execute(&format!("DELETE {missing}"), [])?;
    connection.execute("DELETE FROM there", [])?;
    Ok(gone)
}
