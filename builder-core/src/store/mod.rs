//! The content store: an OCI image layout with snapshots and metadata beside it.
//!
//! ```text
//! ROOT/
//!   oci-layout            {"imageLayoutVersion": "1.0.0"}: any tool reads the store as a layout
//!   index.json            every named image; written anew from the database on each change
//!   blobs/sha256/HEX      manifests, configs, layers; whole and verified, or not there
//!   snapshots/ID/         one layer's own files in overlay form, ready as a lower directory
//!   fingerprints/ID       what the files of a context or stage were when they were last hashed; an aid, may be removed
//!   cache-mounts/ID/      directories of `RUN --mount=type=cache`
//!   merged/N-HEX/         what N layers of a long chain show together, as hard links; made again when missing
//!   steps.lock            a byte of it is locked for every step that runs
//!   partial/HEX           the beginning of a blob whose download was interrupted; locked while somebody works on it
//!   work/PROCESS/         temporary files; PROCESS/lock is held while its owner lives, and PROCESS/held says what a
//!                         build of it relies on
//!   metadata.sqlite       images with and without names, snapshots by chain ID, cache records,
//!                         builds and what is remembered of their steps, where layers are that are not here
//!   lock                  shared by every process that uses the store, exclusive for removing blobs
//!   reserve               space for removing things when the disk is full
//!   builder-store.json    format version, and who made the store
//! ```
//!
//! Images without a name are in the database only: their layers may be there as files and not as blobs, and a tool
//! that reads a layout expects what the index names to be complete.
//!
//! Nothing appears under its final name before it is complete: files are written below `work/` (large downloads below `partial/`) and
//! renamed.
//! What a killed process leaves below `work/` is removed by the next one that opens the store.

mod blob;
mod builds;
mod cache_mounts;
mod checksums;
mod collect;
mod damaged;
mod durable;
mod error;
mod forms;
mod hold;
mod images;
mod layout;
mod left_out;
mod lists;
mod metadata;
mod origins;
#[cfg(feature = "registry")]
mod partial;
mod recover;
mod remote;
mod reserve;
mod step_lock;
mod timelines;
mod whereabouts;
mod work;

use std::path::{Path, PathBuf};
use std::sync::Arc;

pub(crate) use blob::PlainBlobWriter;
pub use blob::{BlobReader, BlobWriter};
pub use builds::{NewStep, StepRecord};
pub use cache_mounts::CacheInstance;
pub use collect::{CacheItem, CacheKind, CacheUsage, PruneLimits, PruneOptions, Pruned};
pub use damaged::{DamagedBlob, damaged_blob};
pub use durable::Syncing;
pub use error::StoreError;
pub use hold::Hold;
pub use images::{ImageRecord, NameChanges};
pub use layout::{Owner, StoreOptions, is_store};
pub use lists::ListMember;
pub use metadata::{CacheRecord, SnapshotRecord};
pub use origins::{LayerAddress, LayerOrigin};
#[cfg(feature = "registry")]
pub(crate) use partial::PartialBlob;
pub use recover::{is_damaged_database, is_full_database, mark_damaged_database};
pub use remote::HttpRecord;
pub use reserve::release_reserve;
pub use step_lock::StepLock;
pub use timelines::{TimedKind, TimedStep, Timeline};
pub use work::WorkDir;
pub(crate) use work::remove_tree;

use layout::Layout;
use metadata::Metadata;

/// A store that this process uses; clones share it.
#[derive(Clone, Debug)]
pub struct Store {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    layout: Layout,
    metadata: Metadata,
    holds: hold::Holds,
    repairs: Vec<String>,
    work: work::Work,
}

impl Store {
    /// Opens the store at a directory, makes it where there is none, and removes what dead processes left.
    ///
    /// # Errors
    /// [`StoreError::Version`] and [`StoreError::Owner`] for a store that this process cannot use,
    /// [`StoreError::Path`] and [`StoreError::Metadata`] where the disk or the database fail.
    pub fn open(options: &StoreOptions) -> Result<Self, StoreError> {
        let layout = Layout::open(options)?;
        let work = work::Work::begin(&layout.root.join("work"))?;
        let (metadata, repairs) = recover::open(&layout.root)?;
        durable::remove_lost(&metadata, &layout.root, &durable::boot())?;
        reserve::set_aside(&layout.root);
        let holds = hold::Holds::new(work.path());
        Ok(Self { inner: Arc::new(Inner { layout, metadata, holds, repairs, work }) })
    }

    /// Returns what was found damaged and mended when the store was opened, for people.
    pub fn repairs(&self) -> &[String] {
        &self.inner.repairs
    }

    /// Returns the store's directory.
    pub fn root(&self) -> &Path {
        &self.inner.layout.root
    }

    /// Makes a fresh temporary directory on the store's file system.
    ///
    /// # Errors
    /// [`StoreError::Path`].
    pub fn work_dir(&self) -> Result<WorkDir, StoreError> {
        self.inner.work.directory()
    }

    /// Returns the directory that holds the snapshots.
    pub(crate) fn snapshots_dir(&self) -> PathBuf {
        self.root().join("snapshots")
    }

    /// Returns the directory that holds what earlier builds left about the files of contexts.
    pub(crate) fn fingerprints_dir(&self) -> PathBuf {
        self.root().join("fingerprints")
    }

    /// Looks up the snapshot of a chain.
    ///
    /// # Errors
    /// [`StoreError::Metadata`].
    pub fn snapshot(&self, chain_id: &crate::digest::Digest) -> Result<Option<SnapshotRecord>, StoreError> {
        self.inner.metadata.snapshot(chain_id)
    }

    /// Records the snapshot of a chain; an existing record stays.
    ///
    /// # Errors
    /// [`StoreError::Metadata`].
    pub fn put_snapshot(&self, chain_id: &crate::digest::Digest, record: &SnapshotRecord) -> Result<(), StoreError> {
        self.inner.metadata.put_snapshot(chain_id, record)
    }

    /// Records the snapshot of a chain whose files have just been made, and notes that they are not synced yet.
    ///
    /// # Errors
    /// [`StoreError::Metadata`].
    pub(crate) fn put_new_snapshot(
        &self,
        chain_id: &crate::digest::Digest,
        record: &SnapshotRecord,
    ) -> Result<(), StoreError> {
        self.inner.metadata.put_new_snapshot(chain_id, record)
    }

    /// Finds a snapshot that a build of ours made for a layer, whatever is below it.
    ///
    /// # Errors
    /// [`StoreError::Metadata`].
    pub fn snapshot_of_layer(&self, diff_id: &crate::digest::Digest) -> Result<Option<SnapshotRecord>, StoreError> {
        self.inner.metadata.snapshot_of_layer(diff_id)
    }

    /// Forgets every chain whose layer is in a directory; the directory goes with the next collection.
    ///
    /// # Errors
    /// [`StoreError::Metadata`].
    pub(crate) fn forget_snapshot(&self, directory: &str) -> Result<(), StoreError> {
        self.inner.metadata.forget_snapshot(directory)
    }

    /// Looks up what a step with this key resulted in.
    ///
    /// # Errors
    /// [`StoreError::Metadata`].
    pub fn cache_record(&self, key: &[u8; 32]) -> Result<Option<CacheRecord>, StoreError> {
        self.inner.metadata.cache_record(key)
    }

    /// Records what a step with this key resulted in.
    ///
    /// # Errors
    /// [`StoreError::Metadata`].
    pub fn put_cache_record(&self, key: &[u8; 32], record: &CacheRecord) -> Result<(), StoreError> {
        self.inner.metadata.put_cache_record(key, record)
    }

    /// Forgets what a step with this key resulted in.
    ///
    /// # Errors
    /// [`StoreError::Metadata`].
    pub fn remove_cache_record(&self, key: &[u8; 32]) -> Result<(), StoreError> {
        self.inner.metadata.remove_cache_record(key)
    }
}

#[cfg(test)]
mod tests;
