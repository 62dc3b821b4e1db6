//! Takes chosen things out of the store and deletes them.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use rusqlite::{Connection, TransactionBehavior, params};
use rustix::fs::FlockOperation;

use super::inventory::{Claims, Entry, Place, uses};
use super::measure::{Shares, Tree};
use super::{CacheItem, PruneOptions, Pruned, is_free, is_of_unnamed};
use crate::fs::PathContext;
use crate::store::hold::now;
use crate::store::{Store, StoreError, remove_tree};

/// How long the last use of something is remembered that is not there, in seconds.
const MEMORY: i64 = 90 * 86_400;

/// Removes what nobody needs by now.
pub(super) fn remove(store: &Store, chosen: &[Entry], options: &PruneOptions<'_>) -> Result<Pruned, StoreError> {
    if !chosen.is_empty() {
        store.remove_merged()?;
    }
    let trash = store.work_dir()?;
    let mut pruned = Pruned::default();
    let mut taken: Vec<(&Entry, PathBuf)> = Vec::new();
    let recorded = {
        let _gate = store.gate_alone()?;
        let claims = Claims::of(store)?;
        let uses = uses(store)?;
        for (number, entry) in chosen.iter().enumerate() {
            let mut now = entry.clone();
            claims.mark(&mut now);
            let used = entry.ids.iter().filter_map(|id| uses.get(id)).map(|(used, ..)| *used).max();
            if !is_free(&now, options) || used.is_some_and(|used| used > entry.item.last_used) {
                continue;
            }
            let place = trash.path().join(number.to_string());
            if take(&store.root().join(entry.place.path()), &place, &entry.place)? {
                taken.push((entry, place));
            }
        }
        let entries: Vec<&Entry> = taken.iter().map(|(entry, _)| *entry).collect();
        let images = forgotten(&claims, &entries, options);
        pruned.images = images.iter().map(|(_, id)| id.clone()).collect();
        let manifests: Vec<[u8; 32]> = images.into_iter().map(|(manifest, _)| manifest).collect();
        let forget = || forget(store, &entries, &manifests);
        // With no space left the database takes nothing either, until something is deleted. Records without a
        // directory are no hits.
        forget().map_err(|_| (entries.clone(), manifests.clone()))
    };
    let mut shares = Shares::default();
    for (entry, place) in &taken {
        let bytes = shares.next(&Tree::of(place)?);
        pruned.freed += bytes;
        pruned.items.push(CacheItem { disk_size: bytes, ..entry.item.clone() });
    }
    for (_, place) in &taken {
        remove_tree(place)?;
    }
    if let Err((entries, manifests)) = recorded {
        let _gate = store.gate_alone()?;
        forget(store, &entries, &manifests)?;
    }
    Ok(pruned)
}

/// Moves something away; tells whether it was there and nobody used it.
fn take(from: &Path, to: &Path, place: &Place) -> Result<bool, StoreError> {
    let _lock = match place {
        // Steps hold this lock, and who looks for an instance is behind the gate.
        Place::Mount(..) => match File::open(from.join("lock")) {
            Ok(lock) if rustix::fs::flock(&lock, FlockOperation::NonBlockingLockExclusive).is_ok() => Some(lock),
            _ => return Ok(false),
        },
        _ => None,
    };
    match fs::rename(from, to) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(false),
        other => Ok(other.map(|()| true).at("rename", from)?),
    }
}

/// The images without a name that lose something: manifest and ID.
fn forgotten(claims: &Claims, taken: &[&Entry], options: &PruneOptions<'_>) -> Vec<([u8; 32], String)> {
    if !(options.all || options.unnamed_images) {
        return Vec::new();
    }
    let loses = |needs| taken.iter().any(|entry| is_of_unnamed(entry, needs));
    let images = claims.unnamed.iter().filter(|(_, needs)| loses(needs));
    images.map(|(image, _)| (*image.manifest.as_bytes(), image.config.to_string())).collect()
}

fn forget(store: &Store, taken: &[&Entry], manifests: &[[u8; 32]]) -> Result<(), StoreError> {
    let failed = |source| StoreError::Metadata { operation: "forget what was removed", source };
    let directories = existing(store)?;
    let mut connection = store.inner.metadata.connection();
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failed)?;
    delete(&transaction, taken, manifests, &directories).map_err(failed)?;
    transaction.commit().map_err(failed)
}

/// The directories of snapshots that are there.
fn existing(store: &Store) -> Result<Vec<String>, StoreError> {
    let names = super::inventory::listed(&store.snapshots_dir())?.into_keys();
    Ok(names.filter_map(|name| name.into_string().ok()).collect())
}

fn delete(
    connection: &Connection,
    taken: &[&Entry],
    manifests: &[[u8; 32]],
    directories: &[String],
) -> rusqlite::Result<()> {
    for manifest in manifests {
        connection.execute("DELETE FROM unnamed_images WHERE manifest = ?1", [manifest])?;
    }
    for entry in taken {
        let ids: &[_] = if matches!(entry.place, Place::Merged(_)) { &[] } else { &entry.ids };
        for id in ids {
            connection.execute("DELETE FROM last_used WHERE id = ?1", [id.as_bytes()])?;
        }
        let place = entry.place.path().to_string_lossy().into_owned();
        connection.execute("DELETE FROM disk_usage WHERE place = ?1", [place])?;
    }
    connection.execute("DELETE FROM last_used WHERE used < ?1", [now() - MEMORY])?;
    // Also those whose directory somebody else removed.
    connection
        .execute_batch("CREATE TEMP TABLE IF NOT EXISTS there (directory TEXT PRIMARY KEY); DELETE FROM there;")?;
    for directory in directories {
        connection.execute("INSERT OR IGNORE INTO there VALUES (?1)", params![directory])?;
    }
    connection.execute_batch(
        "CREATE TEMP TABLE IF NOT EXISTS gone (diff_id BLOB PRIMARY KEY);
         DELETE FROM gone;
         INSERT OR IGNORE INTO gone SELECT diff_id FROM snapshots WHERE directory NOT IN (SELECT directory FROM there);
         DELETE FROM snapshots WHERE directory NOT IN (SELECT directory FROM there);
         DELETE FROM cache WHERE diff_id IN (SELECT diff_id FROM gone)
             AND diff_id NOT IN (SELECT diff_id FROM snapshots);
         DELETE FROM there; DELETE FROM gone;",
    )
}
