//! What a running build uses, so that collection leaves it alone.
//!
//! A process notes the chains and blobs that it relies on in `work/PROCESS/held`, 32 bytes each, while somebody in it
//! holds the store. The notes of a process are as good as its lock in the same directory: one that was killed holds
//! nothing. That costs a build a few microseconds a layer, where a row of the database would cost a transaction.
//!
//! Who looks whether something is there, and relies on the answer, does both behind the *gate*: a shared lock of the
//! directory `snapshots/`, which collection takes exclusively while it takes things out.
//!
//! When the last holder is done, what was held is recorded as used: in one transaction, and at most once a minute.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use rusqlite::{OptionalExtension, TransactionBehavior, params};
use rustix::fs::FlockOperation;

use super::{Store, StoreError};
use crate::digest::Digest;
use crate::fs::PathContext;

/// How old a recorded use must be to be recorded anew, in seconds.
const USE_RESOLUTION: i64 = 60;
/// Bytes of one note.
const NOTE_BYTES: usize = 32;

/// The notes of this process.
#[derive(Debug)]
pub(super) struct Holds {
    file: PathBuf,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    holders: usize,
    known: HashSet<Digest>,
    /// The same, in the order in which they came: lower layers before upper ones.
    order: Vec<Digest>,
    out: Option<File>,
}

impl Holds {
    pub(super) fn new(process: &Path) -> Self {
        Self { file: process.join("held"), state: Mutex::default() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn note(&mut self, ids: &[Digest], file: &Path) -> Result<(), StoreError> {
        let mut fresh: Vec<Digest> = Vec::new();
        for id in ids {
            if !self.known.contains(id) && !fresh.contains(id) {
                fresh.push(*id);
            }
        }
        if fresh.is_empty() {
            return Ok(());
        }
        if self.out.is_none() {
            self.out = Some(File::options().create(true).append(true).open(file).at("open", file)?);
        }
        let bytes: Vec<u8> = fresh.iter().flat_map(|id| *id.as_bytes()).collect();
        if let Some(out) = &mut self.out {
            out.write_all(&bytes).at("write", file)?;
        }
        self.known.extend(&fresh);
        self.order.extend(fresh);
        Ok(())
    }
}

/// Says that somebody relies on what is looked up in the store from now on, until it is dropped.
#[derive(Debug)]
pub struct Hold {
    store: Store,
}

impl Drop for Hold {
    fn drop(&mut self) {
        let holds = &self.store.inner.holds;
        let used = {
            let mut state = holds.state();
            state.holders -= 1;
            if state.holders > 0 {
                return;
            }
            state.known.clear();
            if let Some(out) = state.out.take() {
                // A note too many holds something a little longer.
                let _ = out.set_len(0);
            }
            std::mem::take(&mut state.order)
        };
        // What was used last is an aid to choose what goes first, no more.
        let _ = self.store.record_use(&used, now());
    }
}

/// The right to look whether something is there; it is not taken out meanwhile.
#[derive(Debug)]
pub(crate) struct Gate {
    _lock: File,
}

impl Gate {
    /// Enters the gate of a store that is being opened alone.
    pub(super) fn alone(root: &Path) -> Result<Self, StoreError> {
        Self::lock(&root.join("snapshots"), FlockOperation::LockExclusive)
    }

    fn lock(path: &Path, operation: FlockOperation) -> Result<Self, StoreError> {
        // A descriptor of its own each time: locks belong to descriptors, and threads would share one.
        let lock = File::open(path).at("open", path)?;
        rustix::fs::flock(&lock, operation).at("lock", path)?;
        Ok(Self { _lock: lock })
    }
}

/// Seconds since 1970.
pub(super) fn now() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(now.as_secs()).unwrap_or(i64::MAX)
}

impl Store {
    /// Holds what is looked up from now on: no collection takes it away while the value lives.
    pub fn hold(&self) -> Hold {
        self.inner.holds.state().holders += 1;
        Hold { store: self.clone() }
    }

    /// Enters the gate with others.
    pub(crate) fn gate(&self) -> Result<Gate, StoreError> {
        Gate::lock(&self.snapshots_dir(), FlockOperation::LockShared)
    }

    /// Enters the gate alone.
    pub(super) fn gate_alone(&self) -> Result<Gate, StoreError> {
        Gate::lock(&self.snapshots_dir(), FlockOperation::LockExclusive)
    }

    /// Notes chains and blobs that are there, where somebody holds the store. The caller is behind the gate.
    pub(crate) fn retain(&self, ids: &[Digest]) -> Result<(), StoreError> {
        let holds = &self.inner.holds;
        let mut state = holds.state();
        if state.holders == 0 { Ok(()) } else { state.note(ids, &holds.file) }
    }

    /// Tells whether looking something up has to be done behind the gate.
    pub(super) fn must_retain(&self, id: &Digest) -> bool {
        let state = self.inner.holds.state();
        state.holders > 0 && !state.known.contains(id)
    }

    /// Returns everything that a living process holds, and when the first of them began that may be at work, as
    /// seconds since 1970.
    pub(super) fn held_by_all(&self) -> Result<(HashSet<Digest>, Option<i64>), StoreError> {
        let own = self.inner.work.path();
        let parent = self.root().join("work");
        let (mut held, mut first) = (HashSet::new(), None);
        for entry in fs::read_dir(&parent).at("list", &parent)? {
            let directory = entry.at("list", &parent)?.path();
            let Ok(lock) = File::open(directory.join("lock")) else { continue };
            if directory != own && rustix::fs::flock(&lock, FlockOperation::NonBlockingLockShared).is_ok() {
                continue;
            }
            if directory != own || self.inner.holds.state().holders > 0 {
                let began = lock.metadata().map_or(0, |metadata| std::os::unix::fs::MetadataExt::mtime(&metadata));
                first = Some(first.map_or(began, |first: i64| first.min(began)));
            }
            // One that ends just now holds nothing any more.
            let notes = fs::read(directory.join("held")).unwrap_or_default();
            let (notes, _) = notes.as_chunks::<NOTE_BYTES>();
            held.extend(notes.iter().map(|note| Digest::from_bytes(*note)));
        }
        Ok((held, first))
    }

    /// Records that chains and blobs were used, unless that was recorded a moment ago.
    fn record_use(&self, ids: &[Digest], now: i64) -> rusqlite::Result<()> {
        let mut connection = self.inner.metadata.connection();
        let stale = {
            let mut query = connection.prepare_cached("SELECT used FROM last_used WHERE id = ?1")?;
            let mut is_stale = |id: &Digest| -> rusqlite::Result<bool> {
                let used: Option<i64> = query.query_row([id.as_bytes()], |row| row.get(0)).optional()?;
                Ok(used.is_none_or(|used| used.abs_diff(now) >= USE_RESOLUTION.unsigned_abs()))
            };
            let mut stale = false;
            for id in ids {
                stale = stale || is_stale(id)?;
            }
            stale
        };
        if !stale {
            return Ok(());
        }
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        {
            let mut put = transaction.prepare_cached(
                "INSERT INTO last_used VALUES (?1, ?2, ?3, 1)
                 ON CONFLICT (id) DO UPDATE SET used = ?2, position = ?3, uses = uses + 1",
            )?;
            for (position, id) in ids.iter().enumerate() {
                put.execute(params![id.as_bytes(), now, i64::try_from(position).unwrap_or(i64::MAX)])?;
            }
        }
        transaction.commit()
    }
}
