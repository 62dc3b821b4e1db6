//! What a loss of power may have taken.
//!
//! The files of a snapshot, and blobs that were made here, are not synced one by one: that would cost more than making
//! them. What is made is noted, with the boot of the machine that it was made in, before anything can refer to it. The
//! kernel writes everything out within a minute; some time later it is synced, which costs little then, and struck off.
//! Only a whole file system can be synced, and while others write a lot to it that takes seconds: then it has time.
//! What another boot left noted may be names without bytes: it is read before it is trusted. Blobs go where they are
//! wrong; snapshots are looked at by whoever knows what they should hold.

use std::fs;
use std::path::Path;
use std::thread::JoinHandle;

use rusqlite::{Connection, OptionalExtension, params};

use super::hold::{Gate, now};
use super::metadata::{Metadata, one_snapshot};
use super::{SnapshotRecord, Store, StoreError, remove_tree};
use crate::digest::{Digest, Digester};
use crate::fs::PathContext;

pub(super) const TABLE: &str = "
    CREATE TABLE IF NOT EXISTS unsynced (
        place TEXT PRIMARY KEY, boot TEXT NOT NULL, noted INTEGER NOT NULL
    ) WITHOUT ROWID;
";

/// Where snapshots are in a store; the rest of a place is the name of a directory.
const SNAPSHOTS: &str = "snapshots/";
const BLOBS: &str = "blobs/sha256/";
/// Stands for all directories that are merged of many layers.
const MERGED: &str = "merged";
/// Seconds after which things are synced that have not been: the kernel has written them out by then.
const SETTLED: i64 = 300;
/// Seconds after which they are synced whatever that costs.
const OVERDUE: i64 = 24 * 60 * 60;
/// Bytes that wait to be written on the whole machine; with more, a sync would be waited for.
const FEW_DIRTY_BYTES: u64 = 4 * 1024 * 1024;

fn failed(source: rusqlite::Error) -> StoreError {
    StoreError::Metadata { operation: "look up what has been synced", source }
}

/// What the kernel calls the time since the machine was started (`random(4)`, `boot_id`).
pub(super) fn boot() -> String {
    fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default().trim().to_owned()
}

/// Notes the directory of a snapshot that has just been made.
pub(super) fn note_snapshot(connection: &Connection, directory: &str) -> rusqlite::Result<()> {
    note(connection, &format!("{SNAPSHOTS}{directory}"))
}

/// Notes a blob that is about to get its name.
pub(super) fn note_blob(metadata: &Metadata, digest: &Digest) -> Result<(), StoreError> {
    note(&metadata.connection(), &format!("{BLOBS}{}", digest.hex())).map_err(failed)
}

/// Forces what the database has committed to the disk: its log is only synced now and then otherwise.
pub(super) fn sync_database(root: &Path) -> Result<(), StoreError> {
    let path = root.join("metadata.sqlite-wal");
    match fs::File::open(&path).and_then(|log| log.sync_data()) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).at("sync", &path).map_err(StoreError::from)
        }
        _ => Ok(()),
    }
}

fn note(connection: &Connection, place: &str) -> rusqlite::Result<()> {
    note_in(connection, place, &boot())
}

fn note_in(connection: &Connection, place: &str, boot: &str) -> rusqlite::Result<()> {
    let mut statement = connection.prepare_cached("INSERT OR REPLACE INTO unsynced VALUES (?1, ?2, ?3)")?;
    statement.execute(params![place, boot, now()]).map(drop)
}

fn is_noted(connection: &Connection, place: &str, boot: &str) -> Result<bool, StoreError> {
    let mut query =
        connection.prepare_cached("SELECT 1 FROM unsynced WHERE place = ?1 AND boot = ?2").map_err(failed)?;
    query.exists(params![place, boot]).map_err(failed)
}

/// Removes the blobs that were lost with another boot, and all that is made of snapshots which may be lost.
pub(super) fn remove_lost(metadata: &Metadata, root: &Path, boot: &str) -> Result<(), StoreError> {
    if suspects(&metadata.connection(), boot)?.is_empty() {
        return Ok(());
    }
    // Who opens the store at the same time waits, and finds it done.
    let _gate = Gate::alone(root)?;
    let connection = metadata.connection();
    let suspects = suspects(&connection, boot)?;
    let (blobs, snapshots): (Vec<_>, Vec<_>) = suspects.into_iter().partition(|place| place.starts_with(BLOBS));
    let merged = root.join("merged");
    // Directories of many layers are hard links to files that may be lost. Those that are made from here on are not.
    if !snapshots.is_empty() && !is_noted(&connection, MERGED, boot)? {
        if merged.is_dir() {
            remove_tree(&merged)?;
        }
        note_in(&connection, MERGED, boot).map_err(failed)?;
    }
    for place in &blobs {
        remove_unless_whole(&root.join(place), place.strip_prefix(BLOBS).unwrap_or_default())?;
    }
    strike_off(&connection, &blobs)
}

fn suspects(connection: &Connection, boot: &str) -> Result<Vec<String>, StoreError> {
    let mut query = connection.prepare_cached("SELECT place FROM unsynced WHERE boot <> ?1").map_err(failed)?;
    let rows = query.query_map([boot], |row| row.get(0)).map_err(failed)?;
    rows.collect::<Result<_, _>>().map_err(failed)
}

fn remove_unless_whole(path: &Path, hex: &str) -> Result<(), StoreError> {
    let mut digester = Digester::new();
    let read = fs::File::open(path).and_then(|mut file| std::io::copy(&mut file, &mut digester));
    match read {
        Ok(_) if digester.finish().hex() == hex => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        // One that the disk has lost is none, either; with all other errors it may be right.
        Err(error) if error.raw_os_error() != Some(libc::EIO) => Err(error).at("read", path).map_err(StoreError::from),
        _ => Ok(fs::remove_file(path).at("remove", path)?),
    }
}

/// How many bytes wait to be written, or are being written: `Dirty` and `Writeback` of `/proc/meminfo` (`proc_meminfo(5)`).
fn dirty_bytes(meminfo: &str) -> u64 {
    let kibibytes = |line: &str| {
        let (name, value) = line.split_once(':')?;
        let value = matches!(name, "Dirty" | "Writeback").then(|| value.trim().strip_suffix("kB"))??;
        value.trim().parse::<u64>().ok()
    };
    meminfo.lines().filter_map(kibibytes).map(|count| count.saturating_mul(1024)).sum()
}

fn strike_off(connection: &Connection, places: &[String]) -> Result<(), StoreError> {
    let mut statement = connection.prepare_cached("DELETE FROM unsynced WHERE place = ?1").map_err(failed)?;
    places.iter().try_for_each(|place| statement.execute([place]).map(drop)).map_err(failed)
}

/// A sync of the store that goes on beside other work; ends with it.
#[derive(Debug)]
pub struct Syncing {
    thread: Option<JoinHandle<Result<(), StoreError>>>,
}

impl Drop for Syncing {
    fn drop(&mut self) {
        // What could not be synced stays noted.
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

impl Store {
    /// Begins to sync what was made some minutes ago and has not been synced since; mostly there is nothing to do, and
    /// where the disks are busy it is left for a later time.
    ///
    /// # Errors
    /// [`StoreError::Metadata`].
    pub fn sync_settled(&self) -> Result<Syncing, StoreError> {
        let meminfo = fs::read_to_string("/proc/meminfo").unwrap_or_default();
        let age = if dirty_bytes(&meminfo) <= FEW_DIRTY_BYTES { SETTLED } else { OVERDUE };
        self.sync_older_than(now() - age)
    }

    fn sync_older_than(&self, time: i64) -> Result<Syncing, StoreError> {
        let places: Vec<String> = {
            let connection = self.inner.metadata.connection();
            let query = "SELECT place FROM unsynced WHERE noted <= ?1 AND boot = ?2";
            let mut query = connection.prepare_cached(query).map_err(failed)?;
            let rows = query.query_map(params![time, boot()], |row| row.get(0)).map_err(failed)?;
            rows.collect::<Result<_, _>>().map_err(failed)?
        };
        if places.is_empty() {
            return Ok(Syncing { thread: None });
        }
        let store = self.clone();
        Ok(Syncing { thread: Some(std::thread::spawn(move || store.sync(&places, time))) })
    }

    fn sync(&self, places: &[String], time: i64) -> Result<(), StoreError> {
        let path = self.snapshots_dir();
        let directory = fs::File::open(&path).at("open", &path)?;
        rustix::fs::syncfs(&directory).at("sync", &path)?;
        // What was made again meanwhile may have missed it.
        let connection = self.inner.metadata.connection();
        let statement = "DELETE FROM unsynced WHERE place = ?1 AND noted <= ?2";
        let mut statement = connection.prepare_cached(statement).map_err(failed)?;
        places.iter().try_for_each(|place| statement.execute(params![place, time]).map(drop)).map_err(failed)
    }

    /// Returns the snapshots that another boot of the machine left without a sync.
    ///
    /// # Errors
    /// [`StoreError::Metadata`].
    pub(crate) fn suspect_snapshots(&self) -> Result<Vec<SnapshotRecord>, StoreError> {
        let connection = self.inner.metadata.connection();
        let suspects = suspects(&connection, &boot())?;
        let mut found = Vec::new();
        for place in &suspects {
            let directory = place.strip_prefix(SNAPSHOTS).unwrap_or_default();
            let record = one_snapshot(&connection, "WHERE directory = ?1 LIMIT 1", params![directory]);
            match record.optional().map_err(failed)? {
                Some(record) => found.push(record),
                None => strike_off(&connection, std::slice::from_ref(place))?,
            }
        }
        Ok(found)
    }

    /// Notes that a suspect snapshot has been looked at: is whole, or has been forgotten.
    ///
    /// # Errors
    /// [`StoreError::Metadata`].
    pub(crate) fn clear_suspect(&self, directory: &str) -> Result<(), StoreError> {
        strike_off(&self.inner.metadata.connection(), &[format!("{SNAPSHOTS}{directory}")])
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::path::Path;

    use super::super::{Owner, SnapshotRecord, Store, StoreOptions};
    use super::*;
    use crate::layer::ContentId;

    #[test]
    fn what_waits_to_be_written_is_counted() {
        let meminfo = "MemTotal:  24684084 kB\nDirty:      1200 kB\nWriteback:    34 kB\nWritebackTmp:  7 kB\n";
        assert_eq!([dirty_bytes(meminfo), dirty_bytes("")], [1234 * 1024, 0]);
    }

    fn open(root: &Path) -> Store {
        Store::open(&StoreOptions { root: root.to_owned(), owner: Owner::Root }).unwrap()
    }

    fn put_snapshot(store: &Store, name: &str) {
        let digest = Digest::of(name.as_bytes());
        let (directory, content) = (name.to_owned(), ContentId([0; 32]));
        let record = SnapshotRecord { directory, diff_id: digest, size: 1, content, made_here: true };
        store.put_new_snapshot(&digest, &record).unwrap();
    }

    fn put_blob(store: &Store, text: &str) -> Digest {
        let mut blob = store.blob_writer().unwrap();
        blob.write_all(text.as_bytes()).unwrap();
        blob.finish().unwrap().0
    }

    fn noted(store: &Store) -> Vec<String> {
        suspects(&store.inner.metadata.connection(), "another boot").unwrap()
    }

    fn move_to_another_boot(store: &Store) {
        store.inner.metadata.connection().execute("UPDATE unsynced SET boot = 'another boot'", []).unwrap();
    }

    #[test]
    fn what_another_boot_left_unsynced_is_suspect() {
        let root = tempfile::tempdir().unwrap();
        let store = open(root.path());
        put_snapshot(&store, "synced");
        drop(store.sync_older_than(i64::MAX).unwrap());
        put_snapshot(&store, "suspect");
        let (whole, torn) = (put_blob(&store, "whole"), put_blob(&store, "torn"));
        fs::write(store.blob_path(&torn), [0; 4]).unwrap();
        fs::create_dir_all(root.path().join("merged/32-x")).unwrap();
        drop(store);

        // The same boot: a process that was killed has lost nothing.
        let store = open(root.path());
        assert!(store.suspect_snapshots().unwrap().is_empty());
        assert!(store.has_blob(&torn) && root.path().join("merged").exists());
        move_to_another_boot(&store);
        drop(store);

        let store = open(root.path());
        assert!(store.has_blob(&whole) && !store.has_blob(&torn) && !root.path().join("merged").exists());
        let found = store.suspect_snapshots().unwrap();
        assert_eq!(found.iter().map(|record| &record.directory).collect::<Vec<_>>(), ["suspect"]);
        store.clear_suspect("suspect").unwrap();
        assert!(store.suspect_snapshots().unwrap().is_empty());
    }

    #[test]
    fn what_is_merged_after_a_start_of_the_machine_stays() {
        let root = tempfile::tempdir().unwrap();
        let store = open(root.path());
        put_snapshot(&store, "suspect");
        move_to_another_boot(&store);
        let (old, new) = (root.path().join("merged/32-old"), root.path().join("merged/32-new"));
        fs::create_dir_all(&old).unwrap();
        let first = open(root.path());
        assert!(!old.exists());
        // One process merges while the next one opens the store, and nobody has looked at the snapshot yet.
        fs::create_dir_all(&new).unwrap();
        let second = open(root.path());
        assert!(new.exists());
        assert_eq!(second.suspect_snapshots().unwrap().len(), 1);
        drop((first, second));
        move_to_another_boot(&store);
        drop(open(root.path()));
        assert!(!new.exists());
    }

    #[test]
    fn only_what_has_settled_is_synced() {
        let root = tempfile::tempdir().unwrap();
        let store = open(root.path());
        put_blob(&store, "one");
        put_snapshot(&store, "two");
        drop(store.sync_settled().unwrap());
        assert_eq!(noted(&store).len(), 2);
        drop(store.sync_older_than(now()).unwrap());
        assert!(noted(&store).is_empty());
    }
}
