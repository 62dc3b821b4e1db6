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
use super::{Layer, SnapshotError, Snapshots};
use crate::cancel::CancelToken;
use crate::digest::Digest;
use crate::layer::compression::decompress;
use crate::layer::{self, ContentId};
use crate::oci::{BlobDescriptor, chain_ids};
use crate::store::Store;

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

    /// What the place says of its content without times; it has to be so.
    fn content(&self) -> Option<ContentId>;

    /// The shared cache that it is in, by its number; `None` for images, which a build cannot do without.
    fn cache(&self) -> Option<usize>;

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

    /// Returns the blob of a chain's last layer as it is elsewhere, where the layer is not here.
    ///
    /// # Errors
    /// [`SnapshotError::Store`].
    pub fn elsewhere(&self, chain: &[Digest]) -> Result<Option<BlobDescriptor>, SnapshotError> {
        let Some(source) = chain.last().and_then(|diff_id| self.source_of(diff_id)) else { return Ok(None) };
        let here = self.store.has_blob(&source.blob().digest) || self.has_last(chain)?;
        Ok((!here).then(|| source.blob().clone()))
    }

    /// Returns what was fetched so far.
    pub fn fetched(&self) -> FetchedLayers {
        let elsewhere = &self.elsewhere;
        FetchedLayers { blobs: elsewhere.blobs.load(Ordering::SeqCst), bytes: elsewhere.bytes.load(Ordering::SeqCst) }
    }

    /// Tells whether a chain can be used: each of its layers is there as files, was made by a step on another chain,
    /// or can be had.
    ///
    /// # Errors
    /// [`SnapshotError::Store`].
    pub fn can_have(&self, diff_ids: &[Digest]) -> Result<bool, SnapshotError> {
        let _gate = self.store.gate()?;
        let mut here = Vec::new();
        for (chain, diff_id) in chain_ids(diff_ids).into_iter().zip(diff_ids) {
            if self.record_of(&chain)?.is_some() {
                here.push(chain);
            } else if self.source_of(diff_id).is_none() && !self.is_made_elsewhere(diff_id)? {
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

    /// Makes sure that every layer of a chain is there as files, and those of images as blobs, too.
    ///
    /// # Errors
    /// [`SnapshotError::Elsewhere`] where one cannot be had, [`SnapshotError::Missing`] where nobody has it.
    pub fn bring(
        &self,
        diff_ids: &[Digest],
        progress: &BlobProgress<'_>,
        cancel: &CancelToken,
    ) -> Result<(), SnapshotError> {
        if self.elsewhere.lock().is_empty() && self.has(diff_ids)? {
            return Ok(());
        }
        let _alone = self.elsewhere.bringing.lock().unwrap_or_else(PoisonError::into_inner);
        let mut wanted = Vec::new();
        for length in 1..=diff_ids.len() {
            let chain = &diff_ids[..length];
            let source = self.source_of(&diff_ids[length - 1]);
            let here = self.has_last(chain)? || self.adopt(&chain[..length - 1], &chain[length - 1])?;
            match source {
                // A blob that an image came with is needed again when the image is built upon and written out.
                Some(source) if !here || source.cache().is_none() => wanted.push((length, here, source)),
                _ => {}
            }
        }
        let blobs: Vec<Digest> = wanted.iter().map(|(_, _, source)| source.blob().digest).collect();
        let missing = blobs.iter().copied().filter(|digest| !self.store.has_blob(digest));
        let missing: Vec<Digest> = missing.collect();
        let fetch = |arrivals: &Arrivals, cancel: &CancelToken| {
            let sources = wanted.iter().map(|(_, _, source)| source);
            self.fetch_blobs(sources, progress, &|digest| arrivals.note(digest), cancel)
        };
        let unpack = |index: usize| {
            let Some((length, false, source)) = wanted.get(index) else { return Ok(()) };
            let chain = &diff_ids[..*length];
            self.unpack_from(chain, source.as_ref(), cancel).map_err(|error| blamed(source.as_ref(), error))
        };
        pipelined(&blobs, missing, cancel, fetch, unpack)
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

    fn has_last(&self, chain: &[Digest]) -> Result<bool, SnapshotError> {
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

    /// Unpacks the last layer of a chain from its blob. One of a step is as if it had been made here: its tar can be
    /// written again, which is tried, and where it comes out differently its plain blob is kept.
    fn unpack_from(
        &self,
        chain: &[Digest],
        source: &dyn LayerSource,
        cancel: &CancelToken,
    ) -> Result<(), SnapshotError> {
        let Some((expected, parent)) = chain.split_last() else { return Err(SnapshotError::NoLayer) };
        let open = || -> Result<_, SnapshotError> {
            let blob = self.store.open_blob(&source.blob().digest)?;
            decompress(blob).map_err(|error| layer::LayerError::Read(error).into())
        };
        if source.cache().is_none() {
            let lay_out = |tar: &mut (dyn Read + Send)| self.unpack(parent, expected, tar, cancel);
            layer::read_ahead(&mut open()?, lay_out).map_err(layer::LayerError::Read)??;
            return Ok(());
        }
        let lay_out = |tar: &mut (dyn Read + Send)| self.unpack_any(parent, tar, cancel);
        let (active, unpacked) = layer::read_ahead(&mut open()?, lay_out).map_err(layer::LayerError::Read)??;
        if unpacked.diff_id != *expected {
            return Err(SnapshotError::DiffId { expected: *expected, found: unpacked.diff_id });
        }
        let again: Layer = layer::write_layer(&active.upper, self.flavor, None, &mut std::io::sink(), cancel)?;
        if again.diff_id == *expected {
            if source.content().is_some_and(|content| content != again.content) {
                return Err(SnapshotError::Content { diff_id: *expected });
            }
            return self.install(parent, &again, &active.upper, true);
        }
        if !self.store.has_blob(expected) {
            let mut plain = self.store.blob_writer()?;
            std::io::copy(&mut open()?, &mut plain).map_err(layer::LayerError::Read)?;
            plain.finish_as(expected, unpacked.size)?;
        }
        self.install(parent, &unpacked, &active.upper, false)
    }
}

fn elsewhere(source: &dyn LayerSource, error: LayerSourceError) -> SnapshotError {
    SnapshotError::Elsewhere {
        digest: source.blob().digest,
        origin: source.origin().to_owned(),
        cache: source.cache(),
        source: error,
    }
}

/// A layer that is what its digest says, and no layer: who has it is to blame.
fn blamed(source: &dyn LayerSource, error: SnapshotError) -> SnapshotError {
    if error.is_cancelled()
        || !matches!(error, SnapshotError::DiffId { .. } | SnapshotError::Content { .. } | SnapshotError::Layer(_))
    {
        return error;
    }
    elsewhere(source, Box::new(error))
}
