//! Caches that other machines fill: in a registry, in a directory, or inside of an image.
//!
//! Nothing is asked before a step is not in the own store. Then the document of each cache is read, once; its layers
//! stay where they are until a step that runs looks into them. Whatever is wrong with a cache, the build goes on
//! without it: [`SharedCache::distrust`] takes it out, and what was taken from it runs.

mod document;
mod origin;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

pub use document::{Bytes32, CONFIG_TYPE, CacheDocument, INLINE_FIELD, SharedLayer, SharedRecord};
pub use origin::{CacheOrigin, LocalCache};

use crate::cancel::CancelToken;
use crate::digest::Digest;
use crate::layer::ContentId;
use crate::oci::BlobDescriptor;
use crate::snapshot::LayerSource;
use crate::store::{CacheRecord, Store, StoreError};

/// Is told what happens with the caches.
pub trait CacheWatch: Sync {
    /// Does some work that is worth showing.
    fn task(&self, name: String, work: &mut dyn FnMut() -> Result<(), String>);

    /// Is told that something is wrong with a cache, in a sentence.
    fn warn(&self, message: String);
}

/// The caches of a build.
pub struct SharedCache<'a> {
    origins: &'a [CacheOrigin],
    watch: &'a dyn CacheWatch,
    cancel: &'a CancelToken,
    #[cfg(feature = "registry")]
    registry: &'a crate::registry::RegistryOptions,
    loaded: OnceLock<Loaded>,
    broken: Mutex<BTreeSet<usize>>,
    /// Records that were used, by layer, until the layer is here.
    promised: Mutex<BTreeMap<Digest, Promised>>,
}

/// A record that was used, and the keys that lead to it.
type Promised = (Vec<[u8; 32]>, CacheRecord);

impl fmt::Debug for SharedCache<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedCache").field("origins", &self.origins).finish_non_exhaustive()
    }
}

/// A step that a cache knows.
#[derive(Debug)]
pub struct SharedHit {
    /// What it resulted in.
    pub record: CacheRecord,
    /// Where its layer is.
    pub layer: Arc<dyn LayerSource>,
    /// The other keys that lead to the layer: a copy has an exact one and a cheap one.
    pub aliases: Vec<[u8; 32]>,
}

#[derive(Default)]
struct Loaded {
    records: BTreeMap<Bytes32, Vec<Known>>,
    keys: BTreeMap<(usize, Digest), Vec<[u8; 32]>>,
}

/// A step, and the cache that knows it.
struct Known {
    cache: usize,
    diff_id: Digest,
    content: ContentId,
    size: u64,
    created: (i64, u32),
    layer: Arc<dyn LayerSource>,
}

/// The document of a cache, with the layers of its manifest.
struct Read {
    document: CacheDocument,
    blobs: Vec<BlobDescriptor>,
}

impl<'a> SharedCache<'a> {
    /// Joins the caches of a build; nothing is read yet.
    pub fn new(
        origins: &'a [CacheOrigin],
        watch: &'a dyn CacheWatch,
        cancel: &'a CancelToken,
        #[cfg(feature = "registry")] registry: &'a crate::registry::RegistryOptions,
    ) -> Self {
        Self {
            origins,
            watch,
            cancel,
            #[cfg(feature = "registry")]
            registry,
            loaded: OnceLock::new(),
            broken: Mutex::default(),
            promised: Mutex::default(),
        }
    }

    /// Remembers a record that was used.
    pub fn promise(&self, keys: &[[u8; 32]], record: &CacheRecord) {
        let mut promised = self.promised.lock().unwrap_or_else(PoisonError::into_inner);
        promised.entry(record.diff_id).or_insert_with(|| (keys.to_vec(), record.clone()));
    }

    /// Takes the records of layers that are here, and are what the cache says, into the store. What the store knows
    /// itself stays.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn keep(&self, diff_ids: &[Digest], store: &Store) -> Result<(), StoreError> {
        let mut promised = self.promised.lock().unwrap_or_else(PoisonError::into_inner);
        for (keys, record) in diff_ids.iter().filter_map(|diff_id| promised.remove(diff_id)).collect::<Vec<_>>() {
            for key in keys {
                if store.cache_record(&key)?.is_none() {
                    store.put_cache_record(&key, &record)?;
                }
            }
        }
        Ok(())
    }

    /// Looks a step up; the first call reads the caches.
    pub fn lookup(&self, key: &[u8; 32]) -> Option<SharedHit> {
        let loaded = self.loaded.get_or_init(|| self.load());
        let broken = self.broken.lock().unwrap_or_else(PoisonError::into_inner);
        let known = loaded.records.get(&Bytes32(*key))?.iter().find(|known| !broken.contains(&known.cache))?;
        let record = CacheRecord {
            diff_id: known.diff_id,
            content: known.content,
            size: known.size,
            created: known.created,
            parts: "[]".to_owned(),
        };
        let aliases = loaded.keys.get(&(known.cache, known.diff_id)).cloned().unwrap_or_default();
        Some(SharedHit { record, layer: Arc::clone(&known.layer), aliases })
    }

    /// Uses a cache no more, and says why.
    pub fn distrust(&self, cache: usize, why: &str) {
        if self.broken.lock().unwrap_or_else(PoisonError::into_inner).insert(cache)
            && let Some(origin) = self.origins.get(cache)
        {
            self.promised.lock().unwrap_or_else(PoisonError::into_inner).clear();
            self.watch.warn(format!("the cache `{origin}` is not used any more: {why}"));
        }
    }

    fn load(&self) -> Loaded {
        let mut loaded = Loaded::default();
        for (cache, origin) in self.origins.iter().enumerate() {
            if self.cancel.is_cancelled() {
                break;
            }
            self.watch.task(format!("importing cache manifest from {origin}"), &mut || {
                let outcome = self.load_one(cache, origin, &mut loaded);
                if let Err(why) = &outcome
                    && !self.cancel.is_cancelled()
                {
                    self.watch.warn(format!("the cache `{origin}` cannot be used: {why}"));
                }
                outcome
            });
        }
        loaded
    }

    fn load_one(&self, cache: usize, origin: &CacheOrigin, loaded: &mut Loaded) -> Result<(), String> {
        let opened = origin::open(
            origin,
            #[cfg(feature = "registry")]
            self.registry,
        )?;
        for Read { document, blobs } in opened.read(self.cancel)? {
            let layers: Vec<(&SharedLayer, Arc<dyn LayerSource>)> = document
                .layers
                .iter()
                .filter_map(|layer| {
                    let blob = blobs.get(layer.index)?;
                    Some((layer, opened.layer(blob.clone(), ContentId(layer.content.0), origin.to_string(), cache)))
                })
                .collect();
            for record in &document.records {
                let Some((layer, source)) = layers.get(record.layer) else { continue };
                loaded.keys.entry((cache, layer.diff_id)).or_default().push(record.key.0);
                loaded.records.entry(record.key).or_default().push(Known {
                    cache,
                    diff_id: layer.diff_id,
                    content: ContentId(layer.content.0),
                    size: layer.size,
                    created: record.created,
                    layer: Arc::clone(source),
                });
            }
        }
        Ok(())
    }
}
