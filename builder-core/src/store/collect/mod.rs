//! What the cache holds, what of it may go, and taking it away.
//!
//! A thing in the cache is a layer as files, a directory of `RUN --mount=type=cache`, what is known of a context's
//! files, or a blob that no image needs. Nothing goes that an image with a name or a running build needs
//! ([`Store::hold`]); what is needed for a layer is needed with everything below it.
//!
//! Things are chosen without any lock, since measuring takes time. Then, alone behind the gate, it is looked again
//! whether somebody needs them by now; they are renamed into `work/`, and their records go. They are deleted behind
//! nobody's way. Killed in between, a process leaves records without a directory, which are no hits, or directories
//! without a record, which go with the next collection, or leftovers in `work/`, which go with the next process.
//!
//! What is used least recently goes first, upper layers before lower ones.

mod budget;
mod describe;
mod inventory;
mod item;
mod measure;
mod needs;
mod remove;

pub use item::{CacheItem, CacheKind};
pub(super) use needs::Needs;

use std::collections::HashSet;

use super::{Store, StoreError};
use crate::fs::PathContext;
use inventory::{Claims, Entry, Place, inventory};
use measure::{Shares, Tree};

/// How much of the cache may stay, in bytes; 0 says nothing. The words are those of `docker buildx prune`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct PruneLimits {
    /// What the cache may always have.
    pub reserved: u64,
    /// The most that it may have.
    pub max_used: u64,
    /// What should be free on the disk.
    pub min_free: u64,
}

impl PruneLimits {
    /// Returns how much of `total` may stay, where `free` bytes of the disk are free.
    fn keep(self, total: u64, free: u64) -> u64 {
        let Self { reserved, max_used, min_free } = self;
        let mut keep = if max_used == 0 && min_free > 0 { total } else { max_used };
        keep = keep.min(total.saturating_sub(min_free.saturating_sub(free)));
        keep.max(reserved)
    }
}

/// What to take away.
pub struct PruneOptions<'f> {
    /// Also what can be had again from images with a name, and images without one.
    pub all: bool,
    /// Images without a name, too.
    pub unnamed_images: bool,
    /// How much may stay.
    pub limits: PruneLimits,
    /// Whether a thing may go, as far as the caller is concerned.
    pub filter: &'f dyn Fn(&CacheItem) -> bool,
}

impl std::fmt::Debug for PruneOptions<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PruneOptions").field("all", &self.all).field("limits", &self.limits).finish_non_exhaustive()
    }
}

/// What was taken away.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Pruned {
    /// The things.
    pub items: Vec<CacheItem>,
    /// The full IDs of images without a name that went.
    pub images: Vec<String>,
    /// How many bytes of the disk are free again.
    pub freed: u64,
    /// How many bytes more could go with [`PruneOptions::all`].
    pub spared: u64,
}

/// What takes how much of the disk.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct CacheUsage {
    /// The things in the cache, those used last first.
    pub items: Vec<CacheItem>,
    /// What they take together, each file once, with downloads that were interrupted, in bytes.
    pub size: u64,
    /// What of it images need, too.
    pub shared: u64,
    /// What [`Store::prune`] would free.
    pub reclaimable: u64,
    /// Images: how many, and how many with a name.
    pub images: (usize, usize),
    /// What their documents and layers take, as blobs.
    pub images_size: u64,
    /// What of that goes with the images without a name.
    pub images_reclaimable: u64,
}

impl Store {
    /// Says what takes how much of the disk.
    ///
    /// # Errors
    /// [`StoreError::DamagedImage`], [`StoreError::Metadata`], [`StoreError::Path`].
    pub fn cache_usage(&self) -> Result<CacheUsage, StoreError> {
        let claims = Claims::of(self)?;
        let mut entries = inventory(self, &claims)?;
        in_order_of_removal(&mut entries, |entry| entry.item.reclaimable);
        let mut shares = Shares::default();
        let mut usage = CacheUsage { images: (self.all_images()?.len(), self.images()?.len()), ..Default::default() };
        for entry in &mut entries {
            let bytes = shares.next(&entry.tree);
            entry.item.disk_size = bytes;
            if !entry.is_listed() {
                usage.images_reclaimable += bytes;
                continue;
            }
            usage.size += bytes;
            usage.reclaimable += if entry.item.reclaimable { bytes } else { 0 };
            usage.shared += if entry.item.shared { bytes } else { 0 };
        }
        usage.images_size = usage.images_reclaimable;
        for digest in &claims.named.blobs {
            usage.images_size += Tree::of(&self.blob_path(digest))?.bytes();
        }
        let mut items: Vec<CacheItem> = entries.into_iter().filter(Entry::is_listed).map(|entry| entry.item).collect();
        items.sort_by(|a, b| (b.last_used, &a.id).cmp(&(a.last_used, &b.id)));
        usage.items = items;
        Ok(usage)
    }

    /// Takes away what nobody needs, least recently used first, until no more is there than may stay.
    ///
    /// # Errors
    /// [`StoreError::DamagedImage`], [`StoreError::Metadata`], [`StoreError::Path`].
    pub fn prune(&self, options: &PruneOptions<'_>) -> Result<Pruned, StoreError> {
        let claims = Claims::of(self)?;
        let mut entries = inventory(self, &claims)?;
        let may_go = |entry: &Entry| is_free(entry, options) && (options.filter)(&entry.item);
        in_order_of_removal(&mut entries, may_go);
        let mut shares = Shares::default();
        let sizes: Vec<u64> = entries.iter().map(|entry| shares.next(&entry.tree)).collect();
        // What a running build needs counts and stays.
        let is_cache = |entry: &Entry| !is_spared(entry, options);
        let total = entries.iter().zip(&sizes).filter(|(entry, _)| is_cache(entry)).map(|(_, size)| size).sum();
        let keep = options.limits.keep(total, self.free()?);
        let mut left: u64 = total;
        let mut chosen = Vec::new();
        for (entry, size) in entries.iter().zip(&sizes) {
            if left <= keep && keep > 0 || !may_go(entry) {
                break;
            }
            left = left.saturating_sub(*size);
            chosen.push(entry.clone());
        }
        let mut pruned = remove::remove(self, &chosen, options)?;
        let everything = PruneOptions { all: true, ..*options };
        let is_spared = |entry: &Entry| is_free(entry, &everything) && !is_free(entry, options);
        let spared = entries.iter().zip(&sizes).filter(|(entry, _)| is_spared(entry) && (options.filter)(&entry.item));
        pruned.spared = spared.map(|(_, size)| size).sum();
        let gone: HashSet<&str> = pruned.items.iter().map(|item| item.id.as_str()).collect();
        let stay = entries.iter().zip(&sizes).filter(|(entry, _)| !gone.contains(entry.item.id.as_str()));
        budget::remember(self, stay.map(|(entry, size)| (entry, *size)))?;
        self.forget_builds()?;
        Ok(pruned)
    }

    /// What is free on the store's disk for the likes of us, in bytes.
    fn free(&self) -> Result<u64, StoreError> {
        let found = rustix::fs::statvfs(self.root()).at("examine the file system of", self.root())?;
        Ok(found.f_bavail.saturating_mul(found.f_frsize))
    }
}

/// Whether nobody whom the options spare needs an entry.
fn is_free(entry: &Entry, options: &PruneOptions<'_>) -> bool {
    !entry.item.in_use && !is_spared(entry, options)
}

/// Whether it is an image's that the options spare.
fn is_spared(entry: &Entry, options: &PruneOptions<'_>) -> bool {
    if entry.named {
        return !(options.all && entry.unpackable);
    }
    entry.item.dangling && !options.all && !options.unnamed_images
}

/// What may go comes first, least recently used first.
fn in_order_of_removal(entries: &mut [Entry], may_go: impl Fn(&Entry) -> bool) {
    entries.sort_by_cached_key(|entry| {
        let kept = !may_go(entry);
        // Images keep their own for longest: what is in no image goes with what it shares with those that go.
        (kept, entry.item.shared && kept, entry.item.last_used, -entry.position, entry.item.id.clone())
    });
}

/// Whether an entry is of images without a name.
fn is_of_unnamed(entry: &Entry, image: &Needs) -> bool {
    match entry.place {
        Place::Blob(digest) => image.blobs.contains(&digest),
        _ => entry.ids.iter().any(|id| image.chains.contains_key(id)),
    }
}

#[cfg(test)]
mod tests;
