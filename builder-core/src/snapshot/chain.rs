//! Chains of layers, and where their directories are.
//!
//! Every look at a chain asks about each of its layers, and a build looks at chains that grow by one layer at a time.
//! So a build remembers what it has found.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{SnapshotError, Snapshots};
use crate::cancel::CancelToken;
use crate::digest::Digest;
use crate::layer;
use crate::oci::{chain_ids, chain_ids_by, chain_upon};
use crate::store::SnapshotRecord;

/// What a build has found in the store.
#[derive(Clone, Debug, Default)]
pub(super) struct Memory(Arc<Mutex<Found>>);

#[derive(Debug, Default)]
struct Found {
    /// The directory of the last layer of a chain, by chain ID.
    directories: HashMap<Digest, PathBuf>,
    /// Chains of which every layer has been found.
    complete: HashSet<Digest>,
    /// Chain IDs by that of the chain without its last layer, and that layer.
    ids: HashMap<(Digest, Digest), Digest>,
    /// Whether files of a snapshot turned out to be changed: those of others may be, too.
    suspicious: bool,
}

impl Memory {
    fn lock(&self) -> MutexGuard<'_, Found> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Snapshots {
    /// Returns the same snapshots for the time of one build, which relies on what it has found once: nothing that a
    /// running build needs is removed.
    #[must_use]
    pub fn for_one_build(&self) -> Self {
        Self { memory: Some(Memory::default()), ..self.clone() }
    }

    /// Looks again for everything: files of a snapshot that a build relies on were changed. From here on snapshots are only
    /// found where their files are what they were.
    pub fn look_again(&self) {
        if let Some(memory) = &self.memory {
            *memory.lock() = Found { suspicious: true, ..Found::default() };
        }
    }

    /// Tells whether the files of a snapshot are those of its layer, as far as it can be told.
    fn is_unchanged(&self, record: &SnapshotRecord, path: &Path) -> Result<bool, SnapshotError> {
        if !record.made_here {
            return Ok(true);
        }
        let layer = layer::write_layer(path, self.flavor, None, &mut std::io::sink(), &CancelToken::new())?;
        Ok(layer.diff_id == record.diff_id)
    }

    /// Returns the chain IDs of a chain and of all chains that it begins with, the shortest first.
    pub(super) fn chain_ids(&self, diff_ids: &[Digest]) -> Vec<Digest> {
        let Some(memory) = &self.memory else { return chain_ids(diff_ids) };
        let ids = &mut memory.lock().ids;
        let upon = |below: &Digest, diff_id: &Digest| {
            *ids.entry((*below, *diff_id)).or_insert_with(|| chain_upon(below, diff_id))
        };
        chain_ids_by(diff_ids, upon)
    }

    /// Returns the directory of the last layer of a chain.
    fn directory(&self, chain: &Digest) -> Result<Option<PathBuf>, SnapshotError> {
        let known = self.memory.as_ref().and_then(|memory| memory.lock().directories.get(chain).cloned());
        if known.is_some() {
            return Ok(known);
        }
        let Some((record, path)) = self.record_of(chain)? else { return Ok(None) };
        let is_suspicious = self.memory.as_ref().is_some_and(|memory| memory.lock().suspicious);
        if is_suspicious && !self.is_unchanged(&record, &path)? {
            self.store.forget_snapshot(&record.directory)?;
            return Ok(None);
        }
        if let Some(memory) = &self.memory {
            memory.lock().directories.insert(*chain, path.clone());
        }
        Ok(Some(path))
    }

    /// Tells whether the last layer of a chain, and every one below it, is there as files. What is there stays
    /// there while somebody holds the store.
    ///
    /// # Errors
    /// [`SnapshotError::Store`].
    pub fn has(&self, diff_ids: &[Digest]) -> Result<bool, SnapshotError> {
        let chains = self.chain_ids(diff_ids);
        let Some(last) = chains.last() else { return Ok(true) };
        let is_complete =
            |chain: &Digest| self.memory.as_ref().is_some_and(|memory| memory.lock().complete.contains(chain));
        if is_complete(last) {
            return Ok(true);
        }
        let _gate = self.store.gate()?;
        let unknown = chains.iter().rposition(is_complete).map_or(0, |known| known + 1);
        let unknown = chains.get(unknown..).unwrap_or_default();
        for chain in unknown.iter().rev() {
            if self.directory(chain)?.is_none() {
                return Ok(false);
            }
        }
        self.store.retain(unknown)?;
        if let Some(memory) = &self.memory {
            memory.lock().complete.insert(*last);
        }
        Ok(true)
    }

    /// Returns the directories of a chain's layers, topmost first.
    ///
    /// # Errors
    /// [`SnapshotError::Missing`] where a layer is not there as files.
    pub fn directories(&self, diff_ids: &[Digest]) -> Result<Vec<PathBuf>, SnapshotError> {
        let path = |(chain, diff_id): (&Digest, &Digest)| {
            self.directory(chain)?.ok_or(SnapshotError::Missing { diff_id: *diff_id })
        };
        self.chain_ids(diff_ids).iter().zip(diff_ids).rev().map(path).collect()
    }
}
