//! Automatic collection: how it is known without looking at every file that nothing has to go.

use std::os::unix::fs::MetadataExt;
use std::path::Path;

use rusqlite::{TransactionBehavior, params};

use super::inventory::{Claims, Entry, listed};
use super::measure::Tree;
use super::{PruneLimits, PruneOptions, Pruned};
use crate::digest::Digest;
use crate::store::hold::now;
use crate::store::{Store, StoreError};

/// How many bytes of a disk a byte of a tar can become at most: a header of 512 bytes is a directory of 4096.
const EXPANSION: u64 = 8;
/// A cache mount that was measured so long ago is measured again once it was used, in seconds.
const MEASURED_FOR: i64 = 600;
/// What is left of a budget after a collection, in parts of ten: otherwise every build would collect.
const KEPT_TENTHS: u64 = 9;

fn failed(source: rusqlite::Error) -> StoreError {
    StoreError::Metadata { operation: "look up sizes", source }
}

/// A layer as files, as the tables have it.
struct Known {
    directory: String,
    chains: Vec<Digest>,
    /// The size of its tar.
    tar: u64,
    /// What it takes on the disk, where that was measured.
    measured: Option<u64>,
}

impl Store {
    /// Removes what was used least recently where the cache takes more than `budget` bytes of the disk, images with a
    /// name aside. `None` where that is not so.
    ///
    /// # Errors
    /// As [`Store::prune`].
    pub fn collect(&self, budget: u64) -> Result<Option<Pruned>, StoreError> {
        let snapshots = self.known()?;
        let others = self.other_sizes()?;
        // The quick look: nothing is measured where the worst that can be fits.
        let worst = |known: &Known| known.measured.unwrap_or_else(|| known.tar.saturating_mul(EXPANSION));
        let everything = snapshots.iter().map(worst).sum::<u64>() + others + self.blob_sizes(None)?;
        if everything <= budget {
            return Ok(None);
        }
        let claims = Claims::of(self)?;
        let mut used = others + self.blob_sizes(Some(&claims))?;
        let mut fresh = Vec::new();
        for known in &snapshots {
            if known.chains.iter().any(|chain| claims.named.chains.contains_key(chain)) {
                continue;
            }
            used += if let Some(bytes) = known.measured {
                bytes
            } else {
                let bytes = Tree::of(&self.snapshots_dir().join(&known.directory))?.bytes_of_its_own();
                fresh.push((format!("snapshots/{}", known.directory), bytes));
                bytes
            };
        }
        self.put_sizes(&fresh)?;
        if used <= budget {
            return Ok(None);
        }
        let limits = PruneLimits { max_used: (budget / 10 * KEPT_TENTHS).max(1), ..PruneLimits::default() };
        let options = PruneOptions { all: false, unnamed_images: true, limits, filter: &|_| true };
        self.prune(&options).map(Some)
    }

    fn known(&self) -> Result<Vec<Known>, StoreError> {
        let connection = self.inner.metadata.connection();
        let query = "SELECT s.directory, s.chain_id, s.size, d.bytes FROM snapshots s
                     LEFT JOIN disk_usage d ON d.place = 'snapshots/' || s.directory ORDER BY s.directory";
        let mut statement = connection.prepare_cached(query).map_err(failed)?;
        let row = |row: &rusqlite::Row<'_>| {
            Ok(Known {
                directory: row.get(0)?,
                chains: vec![Digest::from_bytes(row.get(1)?)],
                tar: row.get::<_, i64>(2)?.cast_unsigned(),
                measured: row.get::<_, Option<i64>>(3)?.map(i64::cast_unsigned),
            })
        };
        let mut all: Vec<Known> = Vec::new();
        for known in statement.query_map([], row).map_err(failed)? {
            let known = known.map_err(failed)?;
            match all.last_mut().filter(|last| last.directory == known.directory) {
                Some(last) => last.chains.extend(known.chains),
                None => all.push(known),
            }
        }
        Ok(all)
    }

    /// What blobs take, all of them or those that no image with a name needs.
    fn blob_sizes(&self, claims: Option<&Claims>) -> Result<u64, StoreError> {
        let needed = |name: &str| {
            let digest = format!("sha256:{name}").parse::<Digest>().ok();
            claims.zip(digest).is_some_and(|(claims, digest)| claims.named.blobs.contains(&digest))
        };
        let blobs = listed(&self.root().join("blobs/sha256"))?;
        let counted = blobs.iter().filter(|(name, _)| !needed(&name.to_string_lossy()));
        Ok(counted.map(|(_, metadata)| metadata.blocks() * 512).sum())
    }

    /// What cache mounts, fingerprints and interrupted downloads take; mounts are measured where they were used since.
    fn other_sizes(&self) -> Result<u64, StoreError> {
        let fingerprints = listed(&self.root().join("fingerprints"))?;
        let downloads = listed(&self.root().join("partial"))?;
        let files = fingerprints.values().chain(downloads.values());
        let mut sum: u64 = files.map(|metadata| metadata.blocks() * 512).sum();
        let (parent, now) = (Path::new("cache-mounts"), now());
        let mut fresh = Vec::new();
        for (identity, _) in listed(&self.root().join(parent))? {
            let directory = parent.join(&identity);
            for (name, _) in listed(&self.root().join(&directory))? {
                let place = directory.join(&name);
                let Ok(lock) = std::fs::metadata(self.root().join(&place).join("lock")) else { continue };
                let key = place.to_string_lossy().into_owned();
                let known = self.size_at(&key)?;
                let fits = |(_, measured): &(u64, i64)| lock.mtime() <= *measured || measured + MEASURED_FOR > now;
                sum += if let Some((bytes, _)) = known.filter(fits) {
                    bytes
                } else {
                    let bytes = Tree::of(&self.root().join(&place))?.bytes();
                    fresh.push((key, bytes));
                    bytes
                };
            }
        }
        self.put_sizes(&fresh)?;
        Ok(sum)
    }

    fn size_at(&self, place: &str) -> Result<Option<(u64, i64)>, StoreError> {
        let connection = self.inner.metadata.connection();
        let query = "SELECT bytes, measured FROM disk_usage WHERE place = ?1";
        let mut statement = connection.prepare_cached(query).map_err(failed)?;
        let row = |row: &rusqlite::Row<'_>| Ok((row.get::<_, i64>(0)?.cast_unsigned(), row.get(1)?));
        rusqlite::OptionalExtension::optional(statement.query_row([place], row)).map_err(failed)
    }

    fn put_sizes(&self, sizes: &[(String, u64)]) -> Result<(), StoreError> {
        if sizes.is_empty() {
            return Ok(());
        }
        let put = || -> rusqlite::Result<()> {
            let mut connection = self.inner.metadata.connection();
            let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            for (place, bytes) in sizes {
                let values = params![place, bytes.cast_signed(), now()];
                transaction.execute("INSERT OR REPLACE INTO disk_usage VALUES (?1, ?2, ?3)", values)?;
            }
            transaction.commit()
        };
        put().map_err(failed)
    }
}

/// Remembers what things take that are still there.
pub(super) fn remember<'e>(store: &Store, stay: impl Iterator<Item = (&'e Entry, u64)>) -> Result<(), StoreError> {
    let sizes: Vec<(String, u64)> = stay
        .filter(|(entry, _)| {
            use super::Place::{Blob, Download, Fingerprints};
            !matches!(entry.place, Blob(_) | Fingerprints(_) | Download(_))
        })
        .map(|(entry, bytes)| (entry.place.path().to_string_lossy().into_owned(), bytes))
        .collect();
    store.put_sizes(&sizes)
}
