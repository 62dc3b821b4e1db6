//! Layers that are not here yet, and how to get them.
//!
//! A step that the shared cache knows, and the layers of a base image below it, need no files here until somebody
//! looks into them. Until then the snapshots know where such a layer is.

use std::collections::BTreeMap;
use std::fmt;
use std::io::Read;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::arrivals::{Arrivals, pipelined};
use super::lay_out::elsewhere;
use super::{SnapshotError, Snapshots};
use crate::cancel::CancelToken;
use crate::digest::Digest;
use crate::layer::{self, ContentId};
use crate::oci::{BlobDescriptor, chain_ids};
use crate::store::{LayerAddress, LayerOrigin, Store};

/// Blobs that are fetched at the same time.
const PARALLEL_BLOBS: usize = 3;

/// Is told how far a blob is: its digest, bytes so far, bytes in all.
pub type BlobProgress<'p> = dyn Fn(&Digest, u64, u64) + Sync + 'p;

/// Why a layer could not be had from where it was said to be.
pub type LayerSourceError = Box<dyn std::error::Error + Send + Sync>;

/// Where a layer can be had.
pub trait LayerSource: Send + Sync + fmt::Debug {
    /// Its blob, as it is there.
    fn blob(&self) -> &BlobDescriptor;

    /// What to call the place in messages.
    fn origin(&self) -> &str;

    /// What the place says of its content without times, for the layer of a step; it has to be so.
    fn content(&self) -> Option<ContentId>;

    /// What the place says of the size of its tar, in bytes; it has to be so.
    fn size(&self) -> Option<u64> {
        None
    }

    /// The shared cache that it is in, by its number; `None` for images, which a build cannot do without.
    fn cache(&self) -> Option<usize>;

    /// Tells whether who made the layer says which blob it is. Otherwise it is only a matter of order.
    fn is_named(&self) -> bool;

    /// The place, for those who need the layer when the build is over.
    fn address(&self) -> Option<LayerAddress>;

    /// Opens the blob where it is, where that is on this machine; nothing is verified.
    fn open(&self) -> Option<Result<Box<dyn Read + Send>, LayerSourceError>> {
        None
    }

    /// Brings the blob into the store; it is verified against its digest on the way.
    ///
    /// # Errors
    /// Whatever keeps it from being had.
    fn fetch(&self, store: &Store, progress: &BlobProgress<'_>, cancel: &CancelToken) -> Result<(), LayerSourceError>;
}

/// The layers that can be had from elsewhere, by diff ID.
#[derive(Default)]
pub(super) struct Elsewhere {
    layers: Mutex<BTreeMap<Digest, Arc<dyn LayerSource>>>,
    /// Held while layers are brought: who needs the same ones finds them there.
    bringing: Mutex<()>,
    blobs: AtomicUsize,
    bytes: AtomicU64,
}

impl fmt::Debug for Elsewhere {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Elsewhere").field("blobs", &self.blobs).finish_non_exhaustive()
    }
}

/// A layer of a chain that has to be brought.
pub(super) struct Wanted {
    /// How long the chain is up to it.
    pub(super) length: usize,
    /// Whether it is here as files.
    pub(super) here: bool,
    /// Whether it is here as a blob that is not compressed.
    pub(super) plain: bool,
    pub(super) source: Option<Arc<dyn LayerSource>>,
}

/// What was fetched of layers that were elsewhere.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct FetchedLayers {
    /// Blobs.
    pub blobs: usize,
    /// Their bytes.
    pub bytes: u64,
}

impl Elsewhere {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<Digest, Arc<dyn LayerSource>>> {
        self.layers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Snapshots {
    /// Says where a layer can be had; what was said first stays.
    pub fn expect(&self, diff_id: Digest, source: Arc<dyn LayerSource>) {
        self.elsewhere.lock().entry(diff_id).or_insert(source);
    }

    /// Forgets the layers of a shared cache.
    pub fn forget_cache(&self, cache: usize) {
        self.elsewhere.lock().retain(|_, source| source.cache() != Some(cache));
    }

    /// Returns where a layer can be had, where that is elsewhere.
    pub fn source_of(&self, diff_id: &Digest) -> Option<Arc<dyn LayerSource>> {
        self.elsewhere.lock().get(diff_id).cloned()
    }

    /// Returns where a chain's last layer is, where it is not here as files. Its blob may be here.
    ///
    /// # Errors
    /// [`SnapshotError::Store`].
    pub fn elsewhere(&self, chain: &[Digest]) -> Result<Option<Arc<dyn LayerSource>>, SnapshotError> {
        let source = chain.last().and_then(|diff_id| self.source_of(diff_id));
        Ok(if source.is_some() && self.has_last(chain)? { None } else { source })
    }

    /// Makes sure that the last layer of a chain is here as files, where that can be done. That it cannot is for
    /// whoever looks for it to tell.
    ///
    /// # Errors
    /// [`SnapshotError::Elsewhere`] where a layer cannot be had from where it is.
    pub fn provide(&self, chain: &[Digest], cancel: &CancelToken) -> Result<(), SnapshotError> {
        if self.elsewhere(chain)?.is_some() { self.bring(chain, &|_, _, _| {}, cancel) } else { Ok(()) }
    }

    /// Notes where the layers of a chain are that are not here, for who needs them when the build is over.
    ///
    /// # Errors
    /// [`SnapshotError::Store`].
    pub fn note_origins(&self, diff_ids: &[Digest]) -> Result<(), SnapshotError> {
        for length in 1..=diff_ids.len() {
            if let Some(source) = self.elsewhere(&diff_ids[..length])?
                && let Some(address) = source.address()
            {
                let origin = LayerOrigin { blob: source.blob().clone(), content: source.content(), address };
                self.store.note_origin(&diff_ids[length - 1], &origin)?;
            }
        }
        Ok(())
    }

    /// Returns what was fetched so far.
    pub fn fetched(&self) -> FetchedLayers {
        let elsewhere = &self.elsewhere;
        FetchedLayers { blobs: elsewhere.blobs.load(Ordering::SeqCst), bytes: elsewhere.bytes.load(Ordering::SeqCst) }
    }

    /// Tells whether a chain can be used: each of its layers is there as files, was made by a step on another chain,
    /// is a blob, or can be had.
    ///
    /// # Errors
    /// [`SnapshotError::Store`].
    pub fn can_have(&self, diff_ids: &[Digest]) -> Result<bool, SnapshotError> {
        let _gate = self.store.gate()?;
        let mut here = Vec::new();
        for (chain, diff_id) in chain_ids(diff_ids).into_iter().zip(diff_ids) {
            if self.record_of(&chain)?.is_some() {
                here.push(chain);
            } else if self.source_of(diff_id).is_none()
                && !self.is_made_elsewhere(diff_id)?
                && !self.store.has_blob(diff_id)
            {
                return Ok(false);
            }
        }
        // What is there stays there.
        self.store.retain(&here)?;
        Ok(true)
    }

    fn is_made_elsewhere(&self, diff_id: &Digest) -> Result<bool, SnapshotError> {
        let record = self.store.snapshot_of_layer(diff_id)?;
        Ok(record.is_some_and(|record| self.store.snapshots_dir().join(&record.directory).is_dir()))
    }

    /// Makes sure that every layer of a chain is there as files, and those of images as blobs, too. One that is here as
    /// a blob is unpacked.
    ///
    /// # Errors
    /// [`SnapshotError::Elsewhere`] where one cannot be had, [`SnapshotError::Missing`] where nobody has it.
    pub fn bring(
        &self,
        diff_ids: &[Digest],
        progress: &BlobProgress<'_>,
        cancel: &CancelToken,
    ) -> Result<(), SnapshotError> {
        self.bring_chain(diff_ids, false, progress, cancel)
    }

    /// Does the same for the layers that are elsewhere. Others may be here as blobs.
    ///
    /// # Errors
    /// [`SnapshotError::Elsewhere`].
    pub fn bring_from_elsewhere(
        &self,
        diff_ids: &[Digest],
        progress: &BlobProgress<'_>,
        cancel: &CancelToken,
    ) -> Result<(), SnapshotError> {
        self.bring_chain(diff_ids, true, progress, cancel)
    }

    fn bring_chain(
        &self,
        diff_ids: &[Digest],
        only_elsewhere: bool,
        progress: &BlobProgress<'_>,
        cancel: &CancelToken,
    ) -> Result<(), SnapshotError> {
        let is_nothing_elsewhere = self.elsewhere.lock().is_empty();
        if is_nothing_elsewhere && (only_elsewhere || self.has(diff_ids)?) {
            return Ok(());
        }
        let _alone = self.elsewhere.bringing.lock().unwrap_or_else(PoisonError::into_inner);
        let mut wanted = Vec::new();
        for length in 1..=diff_ids.len() {
            let chain = &diff_ids[..length];
            let source = self.source_of(&chain[length - 1]);
            let here = self.has_last(chain)?;
            // The layer of a step may be here as it is when it is not compressed: a named image has it so.
            let of_step = source.as_ref().is_none_or(|source| source.content().is_some());
            let plain = of_step && !here && self.store.has_blob(&chain[length - 1]);
            // A blob that an image came with is needed again when the image is built upon and written out.
            if !here || !of_step {
                wanted.push(Wanted { length, here, plain, source });
            }
        }
        // What is above the last one that has to come need not.
        if only_elsewhere {
            let last = wanted.iter().rposition(|layer| layer.source.is_some()).map_or(0, |last| last + 1);
            wanted.truncate(last);
        }
        let mut to_fetch = Vec::new();
        for layer in wanted.iter().filter(|layer| !layer.plain) {
            let Some(source) = &layer.source else { continue };
            let of_step = source.content().is_some();
            if !(of_step && self.is_made_elsewhere(&diff_ids[layer.length - 1])?) {
                to_fetch.push(source);
            }
        }
        let digest_of =
            |layer: &Wanted| layer.source.as_ref().map_or(diff_ids[layer.length - 1], |source| source.blob().digest);
        let blobs: Vec<Digest> = wanted.iter().map(digest_of).collect();
        let missing = to_fetch.iter().map(|source| source.blob().digest).filter(|digest| !self.store.has_blob(digest));
        let missing: Vec<Digest> = missing.collect();
        let fetch = |arrivals: &Arrivals, cancel: &CancelToken| {
            self.fetch_blobs(to_fetch.iter().copied(), progress, &|digest| arrivals.note(digest), cancel)
        };
        let lay_out = |index: usize| match wanted.get(index) {
            Some(layer) if !layer.here => self.lay_out(&diff_ids[..layer.length], layer, progress, cancel),
            _ => Ok(()),
        };
        pipelined(&blobs, missing, cancel, fetch, lay_out)
    }

    /// Makes sure that the blob of a layer is in the store, as it is elsewhere.
    ///
    /// # Errors
    /// [`SnapshotError::Elsewhere`].
    pub fn fetch_blob(
        &self,
        source: &Arc<dyn LayerSource>,
        progress: &BlobProgress<'_>,
        cancel: &CancelToken,
    ) -> Result<(), SnapshotError> {
        self.fetch_blobs(std::iter::once(source), progress, &|_| {}, cancel)
    }

    pub(crate) fn has_last(&self, chain: &[Digest]) -> Result<bool, SnapshotError> {
        Ok(self.record(chain)?.is_some())
    }

    fn fetch_blobs<'s>(
        &self,
        sources: impl Iterator<Item = &'s Arc<dyn LayerSource>>,
        progress: &BlobProgress<'_>,
        arrived: &(dyn Fn(&Digest) + Sync),
        cancel: &CancelToken,
    ) -> Result<(), SnapshotError> {
        // In order: the lowest layers are used first.
        let mut missing: Vec<&Arc<dyn LayerSource>> = Vec::new();
        for source in sources.filter(|source| !self.store.has_blob(&source.blob().digest)) {
            if !missing.iter().any(|known| known.blob().digest == source.blob().digest) {
                missing.push(source);
            }
        }
        let queue = Mutex::new(missing.into_iter());
        let failure = Mutex::new(None);
        let together = cancel.child();
        let work = || {
            loop {
                let next = queue.lock().unwrap_or_else(PoisonError::into_inner).next();
                let Some(source) = next else { return };
                match source.fetch(&self.store, progress, &together) {
                    Ok(()) => {
                        self.elsewhere.blobs.fetch_add(1, Ordering::SeqCst);
                        self.elsewhere.bytes.fetch_add(source.blob().size, Ordering::SeqCst);
                        arrived(&source.blob().digest);
                    }
                    Err(error) => {
                        let error = elsewhere(source.as_ref(), error);
                        failure.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
                        together.cancel();
                        return;
                    }
                }
            }
        };
        let count = queue.lock().unwrap_or_else(PoisonError::into_inner).len();
        std::thread::scope(|scope| {
            for _ in 1..count.min(PARALLEL_BLOBS) {
                // Without another thread it takes longer: this one takes what is left.
                let _thread = std::thread::Builder::new().name("layer".to_owned()).spawn_scoped(scope, work);
            }
            work();
        });
        cancel.check().map_err(layer::LayerError::from)?;
        failure.into_inner().unwrap_or_else(PoisonError::into_inner).map_or(Ok(()), Err)
    }
}
