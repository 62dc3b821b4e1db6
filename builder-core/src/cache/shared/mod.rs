//! Caches that other machines fill: in a registry, in a directory, or inside of an image.
//!
//! Nothing is asked before a step is not in the own store. Then the document of each cache is read, once; its layers
//! stay where they are until a step that runs looks into them. Whatever is wrong with a cache, the build goes on
//! without it: [`SharedCache::distrust`] takes it out, and what was taken from it runs.

mod document;
mod origin;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

pub use document::{Bytes32, CONFIG_TYPE, CacheDocument, INLINE_FIELD, SharedLayer, SharedRecord};
pub use origin::{CacheOrigin, LocalCache};

use crate::cancel::CancelToken;
use crate::digest::Digest;
use crate::layer::ContentId;
use crate::oci::{BlobDescriptor, media_type};
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
    /// The caches that steps were found in, by key.
    used: Mutex<BTreeMap<[u8; 32], usize>>,
    /// What was taken into the store: the cache, the key, the layer.
    kept: Mutex<Vec<(usize, [u8; 32], Digest)>>,
}

/// A record that was used, its cache, and the keys that lead to it.
type Promised = (usize, Vec<[u8; 32]>, CacheRecord);

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
    /// Whether it is inside of an image, whose layers are those of its config in order.
    is_image: bool,
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
            used: Mutex::default(),
            kept: Mutex::default(),
        }
    }

    /// Remembers a record of a cache that was used, which was found by a key and has others.
    pub fn promise(&self, cache: usize, key: &[u8; 32], aliases: &[[u8; 32]], record: &CacheRecord) {
        locked(&self.used).insert(*key, cache);
        locked(&self.promised).entry(record.diff_id).or_insert_with(|| (cache, aliases.to_vec(), record.clone()));
    }

    /// Returns the cache that a step was found in.
    pub fn found_in(&self, key: &[u8; 32]) -> Option<usize> {
        locked(&self.used).get(key).copied()
    }

    /// Takes the records of layers that are here, and are what the cache says, into the store. What the store knows
    /// itself stays.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn keep(&self, diff_ids: &[Digest], store: &Store) -> Result<(), StoreError> {
        let mut promised = locked(&self.promised);
        for (cache, keys, record) in diff_ids.iter().filter_map(|diff_id| promised.remove(diff_id)).collect::<Vec<_>>()
        {
            for key in keys {
                if store.cache_record(&key)?.is_none() {
                    store.put_cache_record(&key, &record)?;
                    locked(&self.kept).push((cache, key, record.diff_id));
                }
            }
        }
        Ok(())
    }

    /// Takes out of the store what it was told by a cache that lied.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn take_back(&self, cache: usize, store: &Store) -> Result<(), StoreError> {
        for (_, key, diff_id) in locked(&self.kept).extract_if(.., |(kept, ..)| *kept == cache) {
            if store.cache_record(&key)?.is_some_and(|record| record.diff_id == diff_id) {
                store.remove_cache_record(&key)?;
            }
        }
        Ok(())
    }

    /// Tells whether at least one cache could be read, and is still believed.
    pub fn is_of_use(&self) -> bool {
        let Some(loaded) = self.loaded.get() else { return false };
        let broken = locked(&self.broken);
        loaded.keys.keys().any(|(cache, _)| !broken.contains(cache))
    }

    /// Looks a step up; the first call reads the caches.
    pub fn lookup(&self, key: &[u8; 32]) -> Option<SharedHit> {
        let loaded = self.loaded.get_or_init(|| self.load());
        let broken = locked(&self.broken);
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

    /// Uses a cache no more, and says why. Tells whether it was used until now.
    pub fn distrust(&self, cache: usize, why: &str) -> bool {
        if !locked(&self.broken).insert(cache) {
            return false;
        }
        locked(&self.promised).clear();
        locked(&self.used).retain(|_, found_in| *found_in != cache);
        let origin = self.origins.get(cache).map(ToString::to_string).unwrap_or_default();
        self.watch.warn(format!("the cache `{origin}` is not used any more: {why}"));
        true
    }

    /// Reads all caches at the same time: one that does not answer keeps nobody else waiting.
    fn load(&self) -> Loaded {
        let load = &|cache: usize, origin: &CacheOrigin| {
            let mut loaded = Loaded::default();
            self.watch.task(format!("importing cache manifest from {origin}"), &mut || {
                let outcome = self.load_one(cache, origin, &mut loaded);
                if let Err(why) = &outcome
                    && !self.cancel.is_cancelled()
                {
                    self.watch.warn(format!("the cache `{origin}` cannot be used: {why}"));
                }
                outcome
            });
            loaded
        };
        let mut all = Loaded::default();
        std::thread::scope(|scope| {
            let begin = |(cache, origin)| {
                let thread = std::thread::Builder::new().name("cache".to_owned());
                // Without another thread it takes longer.
                thread.spawn_scoped(scope, move || load(cache, origin)).map_err(|_| (cache, origin))
            };
            let mut origins = self.origins.iter().enumerate();
            let first = origins.next();
            let others: Vec<_> = origins.map(begin).collect();
            let first = first.map(|(cache, origin)| load(cache, origin));
            let others = others.into_iter().filter_map(|begun| match begun {
                Ok(thread) => thread.join().ok(),
                Err((cache, origin)) => Some(load(cache, origin)),
            });
            // What is named first is looked into first.
            for loaded in first.into_iter().chain(others) {
                for (key, known) in loaded.records {
                    all.records.entry(key).or_default().extend(known);
                }
                all.keys.extend(loaded.keys);
            }
        });
        all
    }

    fn load_one(&self, cache: usize, origin: &CacheOrigin, loaded: &mut Loaded) -> Result<(), String> {
        if self.cancel.is_cancelled() {
            return Err("cancelled".to_owned());
        }
        let opened = origin::open(
            origin,
            #[cfg(feature = "registry")]
            self.registry,
        )?;
        for Read { document, blobs, is_image } in opened.read(self.cancel)? {
            if !document.layers.iter().all(|layer| blobs.get(layer.index).is_some_and(|blob| may_be(layer, blob))) {
                return Err("it says of a layer that is not compressed what its digest does not".to_owned());
            }
            let layers: Vec<(&SharedLayer, Arc<dyn LayerSource>)> = document
                .layers
                .iter()
                .filter_map(|layer| {
                    let (content, size, origin) = (ContentId(layer.content.0), layer.size, origin.to_string());
                    let (blob, is_named) = (blobs.get(layer.index)?.clone(), is_image || layer.blob.is_some());
                    Some((layer, opened.layer(origin::Place { blob, content, size, origin, cache, is_named })))
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

/// Whether a blob can be the layer: one that is not compressed is what its digest says.
fn may_be(layer: &SharedLayer, blob: &BlobDescriptor) -> bool {
    let is_plain = matches!(blob.media_type.as_str(), media_type::OCI_LAYER | media_type::DOCKER_LAYER);
    !is_plain || (blob.digest, blob.size) == (layer.diff_id, layer.size)
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
