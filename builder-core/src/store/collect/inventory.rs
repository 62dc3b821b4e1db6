//! Everything in the cache with who needs it.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs::{self, File};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rustix::fs::FlockOperation;

use super::measure::Tree;
use super::needs::Needs;
use super::{CacheItem, CacheKind, describe};
use crate::digest::Digest;
use crate::fs::PathContext;
use crate::store::{ImageRecord, Store, StoreError};

/// Digits of a name that are shown.
const SHOWN_DIGITS: usize = 12;

/// Where a thing is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Place {
    /// `snapshots/ID`.
    Snapshot(String),
    /// `merged/NAME`.
    Merged(std::ffi::OsString),
    /// `cache-mounts/IDENTITY/NUMBER`.
    Mount(String, u32),
    /// `fingerprints/NAME`.
    Fingerprints(std::ffi::OsString),
    /// `blobs/sha256/HEX`.
    Blob(Digest),
    /// `partial/HEX`.
    Download(std::ffi::OsString),
}

impl Place {
    /// Its path below the store's directory.
    pub(super) fn path(&self) -> PathBuf {
        match self {
            Self::Snapshot(directory) => Path::new("snapshots").join(directory),
            Self::Merged(name) => Path::new("merged").join(name),
            Self::Mount(identity, number) => Path::new("cache-mounts").join(identity).join(number.to_string()),
            Self::Fingerprints(name) => Path::new("fingerprints").join(name),
            Self::Blob(digest) => Path::new("blobs/sha256").join(digest.hex()),
            Self::Download(name) => Path::new("partial").join(name),
        }
    }
}

/// A thing with what decides whether it may go.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) item: CacheItem,
    pub(super) place: Place,
    /// Chains that it is the last layer of, or the blob's digest.
    pub(super) ids: Vec<Digest>,
    /// Its place in the build that used it last: what lies above has higher numbers.
    pub(super) position: i64,
    /// Whether an image with a name needs it.
    pub(super) named: bool,
    /// Whether its files can be had again from blobs of images.
    pub(super) unpackable: bool,
    pub(super) tree: Tree,
}

impl Entry {
    /// Whether people are shown it: blobs of images are the images.
    pub(super) fn is_listed(&self) -> bool {
        !(matches!(self.place, Place::Blob(_)) && self.item.shared)
    }
}

/// Who needs what.
#[derive(Debug)]
pub(super) struct Claims {
    pub(super) held: HashSet<Digest>,
    /// When the first process began that may be working on something that no record knows yet.
    pub(super) since: Option<i64>,
    pub(super) named: Needs,
    /// Images without a name.
    pub(super) unnamed: Vec<(ImageRecord, Needs)>,
}

impl Claims {
    pub(super) fn of(store: &Store) -> Result<Self, StoreError> {
        let (held, since) = store.held_by_all()?;
        let mut named = Needs::default();
        for image in store.images()? {
            let damaged = |source| StoreError::DamagedImage { name: image.name.clone(), source: Box::new(source) };
            named.add(store, &image).map_err(damaged)?;
        }
        let needs = |image: ImageRecord| {
            let mut needs = Needs::default();
            // What cannot be read is nobody's image any more.
            match needs.add(store, &image) {
                Ok(()) => (image, needs),
                Err(_) => (image, Needs::default()),
            }
        };
        let unnamed = store.unnamed_images()?.into_iter().map(needs).collect();
        Ok(Self { held, since, named, unnamed })
    }

    fn name_of(&self, chain: &Digest) -> Option<&str> {
        self.named.chains.get(chain).map(String::as_str)
    }

    /// Marks who needs an entry.
    pub(super) fn mark(&self, entry: &mut Entry) {
        let any = |test: &dyn Fn(&Digest) -> bool| entry.ids.iter().any(test);
        entry.item.in_use |= any(&|id| self.held.contains(id));
        let is_blob = matches!(entry.place, Place::Blob(_));
        let needs = |needs: &Needs, id: &Digest| {
            if is_blob { needs.blobs.contains(id) } else { needs.chains.contains_key(id) }
        };
        entry.named = any(&|id| needs(&self.named, id));
        let unnamed = any(&|id| self.unnamed.iter().any(|(_, image)| needs(image, id)));
        let again = |id: &Digest| !self.named.chains.contains_key(id) || self.named.unpackable.contains(id);
        entry.unpackable = !is_blob && entry.ids.iter().all(again);
        entry.item.shared = entry.named || unnamed;
        entry.item.dangling = unnamed && !entry.named;
        entry.item.reclaimable = !entry.item.in_use && !entry.item.shared;
    }
}

/// What the tables say about a snapshot's directory.
#[derive(Default)]
struct Directory {
    chains: Vec<Digest>,
    diff_id: Option<Digest>,
}

/// When and where something was used last, and how often.
pub(super) type Uses = HashMap<Digest, (i64, i64, u64)>;

/// Looks at everything.
pub(super) fn inventory(store: &Store, claims: &Claims) -> Result<Vec<Entry>, StoreError> {
    let uses = uses(store)?;
    let steps = steps(store)?;
    let mut entries = snapshots(store, claims, &uses, &steps)?;
    entries.extend(merged(store, &uses)?);
    entries.extend(mounts(store)?);
    entries.extend(fingerprints(store)?);
    entries.extend(blobs(store, &uses, &steps)?);
    entries.extend(downloads(store)?);
    for entry in &mut entries {
        claims.mark(entry);
        entry.tree = Tree::of(&store.root().join(entry.place.path()))?;
        entry.item.size = entry.tree.bytes();
    }
    name_makers(store, &mut entries)?;
    // The blobs of an image with a name are the image.
    entries.retain(|entry| !(entry.named && matches!(entry.place, Place::Blob(_))));
    Ok(entries)
}

/// Says of each layer which build made it, or which cache it came from.
fn name_makers(store: &Store, entries: &mut [Entry]) -> Result<(), StoreError> {
    let mut keys: HashMap<Digest, Vec<[u8; 32]>> = HashMap::new();
    {
        let connection = store.inner.metadata.connection();
        let mut statement =
            connection.prepare("SELECT diff_id, key FROM cache ORDER BY length(parts) DESC").map_err(failed)?;
        let row = |row: &rusqlite::Row<'_>| Ok((Digest::from_bytes(row.get(0)?), row.get(1)?));
        for row in statement.query_map([], row).map_err(failed)? {
            let (diff_id, key) = row.map_err(failed)?;
            keys.entry(diff_id).or_default().push(key);
        }
    }
    for item in entries.iter_mut().map(|entry| &mut entry.item) {
        for key in item.digest.and_then(|digest| keys.get(&digest)).into_iter().flatten() {
            if item.made_by.is_none() {
                item.made_by = store.made_by(key)?.map(|(_, build)| build);
            }
            if item.from_cache.is_none() {
                item.from_cache = store.from_cache(key)?;
            }
        }
        // What was made here came from nowhere.
        item.from_cache.take_if(|_| item.made_by.is_some());
    }
    Ok(())
}

fn failed(source: rusqlite::Error) -> StoreError {
    StoreError::Metadata { operation: "look through the cache", source }
}

pub(super) fn uses(store: &Store) -> Result<Uses, StoreError> {
    let connection = store.inner.metadata.connection();
    let mut statement = connection.prepare_cached("SELECT id, used, position, uses FROM last_used").map_err(failed)?;
    let row = |row: &rusqlite::Row<'_>| {
        let uses: i64 = row.get(3)?;
        Ok((Digest::from_bytes(row.get(0)?), (row.get(1)?, row.get(2)?, uses.cast_unsigned())))
    };
    let rows = statement.query_map([], row).map_err(failed)?;
    rows.collect::<rusqlite::Result<_>>().map_err(failed)
}

fn directories(store: &Store) -> Result<HashMap<String, Directory>, StoreError> {
    let connection = store.inner.metadata.connection();
    let mut statement = connection.prepare("SELECT directory, chain_id, diff_id FROM snapshots").map_err(failed)?;
    let row = |row: &rusqlite::Row<'_>| {
        let (chain, diff_id) = (Digest::from_bytes(row.get(1)?), Digest::from_bytes(row.get(2)?));
        Ok((row.get::<_, String>(0)?, chain, diff_id))
    };
    let mut directories: HashMap<String, Directory> = HashMap::new();
    for row in statement.query_map([], row).map_err(failed)? {
        let (name, chain, diff_id) = row.map_err(failed)?;
        let directory = directories.entry(name).or_default();
        directory.chains.push(chain);
        directory.diff_id = Some(diff_id);
    }
    Ok(directories)
}

/// Parts of the key of the step that made a layer, and when.
type Steps = HashMap<Digest, (String, i64)>;

/// The steps that made layers: the longest parts say most.
fn steps(store: &Store) -> Result<Steps, StoreError> {
    let connection = store.inner.metadata.connection();
    let query = "SELECT diff_id, parts, seconds FROM cache ORDER BY length(parts)";
    let mut statement = connection.prepare(query).map_err(failed)?;
    let row = |row: &rusqlite::Row<'_>| Ok((Digest::from_bytes(row.get(0)?), (row.get(1)?, row.get(2)?)));
    let rows = statement.query_map([], row).map_err(failed)?;
    rows.collect::<rusqlite::Result<_>>().map_err(failed)
}

fn snapshots(store: &Store, claims: &Claims, uses: &Uses, steps: &Steps) -> Result<Vec<Entry>, StoreError> {
    let mut directories = directories(store)?;
    let mut entries = Vec::new();
    for (name, metadata) in listed(&store.snapshots_dir())? {
        let Some(name) = name.to_str().map(str::to_owned) else { continue };
        let directory = directories.remove(&name).unwrap_or_default();
        let step = directory.diff_id.and_then(|diff_id| steps.get(&diff_id));
        let (kind, description) = match (step, directory.chains.first()) {
            (Some((parts, _)), _) => describe::step(parts),
            (None, None) => (CacheKind::Layer, "left behind by a process that was killed".to_owned()),
            (None, Some(_)) => {
                let image = directory.chains.iter().find_map(|chain| claims.name_of(chain));
                (
                    CacheKind::Layer,
                    image.map_or_else(|| "layer of an image".to_owned(), |name| format!("layer of {name}")),
                )
            }
        };
        // A directory gets its change time when it is put in its place.
        let made = metadata.ctime();
        let latest = directory.chains.iter().filter_map(|chain| uses.get(chain)).max();
        let (last_used, position, count) = latest.copied().unwrap_or((made, 0, 0));
        let mut entry = entry(kind, name.clone(), Place::Snapshot(name), description);
        // Somebody may be about to record it.
        entry.item.in_use = directory.chains.is_empty() && claims.since.is_some_and(|since| made >= since);
        entry.item.created = Some(step.map_or(made, |(_, seconds)| *seconds));
        (entry.item.last_used, entry.position, entry.item.uses) = (last_used, position, count);
        entry.item.digest = directory.diff_id;
        entry.ids = directory.chains;
        entries.push(entry);
    }
    Ok(entries)
}

/// Directories that stand for several layers of a chain: hard links, which are made again when they are missing. They
/// go before the layers, whose files would stay as long as they do.
fn merged(store: &Store, uses: &Uses) -> Result<Vec<Entry>, StoreError> {
    let mut entries = Vec::new();
    for (name, metadata) in listed(&store.root().join("merged"))? {
        let text = name.to_string_lossy().into_owned();
        let hex = text.split_once('-').map_or("", |(_, hex)| hex);
        let chain = format!("sha256:{hex}").parse::<Digest>().ok();
        let id = format!("{}-merged", shown(hex));
        let mut entry = entry(CacheKind::Layer, id, Place::Merged(name), "merged layers of a long chain".to_owned());
        let latest = chain.and_then(|chain| uses.get(&chain)).copied();
        let (last_used, position, count) = latest.unwrap_or((metadata.ctime(), 0, 0));
        (entry.item.last_used, entry.position, entry.item.uses) = (last_used, position.saturating_add(1), count);
        entry.item.created = Some(metadata.ctime());
        entry.ids = chain.into_iter().collect();
        entries.push(entry);
    }
    Ok(entries)
}

fn mounts(store: &Store) -> Result<Vec<Entry>, StoreError> {
    let parent = store.root().join("cache-mounts");
    let mut entries = Vec::new();
    for (identity, _) in listed(&parent)? {
        let Some(identity) = identity.to_str() else { continue };
        let directory = parent.join(identity);
        let description = fs::read_to_string(directory.join("id")).unwrap_or_default();
        // Behind its gate nobody looks for an instance: one that is locked here for a moment is not taken for used.
        let gate = File::open(directory.join("gate"));
        let free = |lock: &File| rustix::fs::flock(lock, FlockOperation::NonBlockingLockExclusive).is_ok();
        let alone = gate.as_ref().is_ok_and(free);
        for (name, metadata) in listed(&directory)? {
            let Some(number) = name.to_str().and_then(|name| name.parse::<u32>().ok()) else { continue };
            let Ok(lock) = File::open(directory.join(&name).join("lock")) else { continue };
            let used = lock.metadata().map_or_else(|_| metadata.mtime(), |metadata| metadata.mtime());
            let id = format!("{}-{number}", shown(identity));
            let place = Place::Mount(identity.to_owned(), number);
            let mut entry = entry(
                CacheKind::CacheMount,
                id,
                place,
                format!(
                    "cache mount {}",
                    description.strip_prefix("//").map_or(description.clone(), |rest| format!("/{rest}"))
                ),
            );
            entry.item.in_use = !(alone && free(&lock));
            entry.item.last_used = used;
            entry.item.mutable = true;
            entries.push(entry);
        }
    }
    Ok(entries)
}

fn fingerprints(store: &Store) -> Result<Vec<Entry>, StoreError> {
    let entries = listed(&store.root().join("fingerprints"))?.into_iter().map(|(name, metadata)| {
        let id = format!("{}-files", shown(&name.to_string_lossy()));
        let description = "fingerprints of files".to_owned();
        let mut entry = entry(CacheKind::Fingerprints, id, Place::Fingerprints(name), description);
        entry.item.last_used = metadata.mtime().max(metadata.atime());
        entry.item.created = Some(metadata.mtime());
        entry
    });
    Ok(entries.collect())
}

/// Blobs. A layer that no step reads is a blob and nothing else.
fn blobs(store: &Store, uses: &Uses, steps: &Steps) -> Result<Vec<Entry>, StoreError> {
    let mut entries = Vec::new();
    for (name, metadata) in listed(&store.root().join("blobs/sha256"))? {
        let Ok(digest) = format!("sha256:{}", name.to_string_lossy()).parse::<Digest>() else { continue };
        let made = metadata.mtime();
        let (kind, description) = match steps.get(&digest) {
            Some((parts, _)) => describe::step(parts),
            None => (CacheKind::Blob, "blob that no image needs".to_owned()),
        };
        let mut entry = entry(kind, digest.to_string(), Place::Blob(digest), description);
        let (latest, position, count) = uses.get(&digest).copied().unwrap_or((made, 0, 0));
        (entry.item.last_used, entry.position, entry.item.uses) = (latest.max(made), position, count);
        entry.item.created = Some(made);
        entry.item.digest = Some(digest);
        entry.ids = vec![digest];
        entries.push(entry);
    }
    Ok(entries)
}

/// Beginnings of blobs. Who goes on with one holds its lock.
fn downloads(store: &Store) -> Result<Vec<Entry>, StoreError> {
    let parent = store.root().join("partial");
    let entries = listed(&parent)?.into_iter().map(|(name, metadata)| {
        let id = format!("{}-download", shown(&name.to_string_lossy()));
        let in_use = File::open(parent.join(&name))
            .is_ok_and(|file| rustix::fs::flock(&file, FlockOperation::NonBlockingLockShared).is_err());
        let description = "interrupted download of a blob".to_owned();
        let mut entry = entry(CacheKind::Download, id, Place::Download(name), description);
        entry.item.last_used = metadata.mtime();
        (entry.item.in_use, entry.item.mutable) = (in_use, true);
        entry
    });
    Ok(entries.collect())
}

fn entry(kind: CacheKind, id: String, place: Place, description: String) -> Entry {
    let item = CacheItem {
        id,
        kind,
        description,
        size: 0,
        disk_size: 0,
        created: None,
        last_used: 0,
        uses: 0,
        in_use: false,
        shared: false,
        dangling: false,
        mutable: false,
        reclaimable: true,
        digest: None,
        made_by: None,
        from_cache: None,
    };
    Entry { item, place, ids: Vec::new(), position: 0, named: false, unpackable: false, tree: Tree::default() }
}

fn shown(name: &str) -> &str {
    name.get(..SHOWN_DIGITS).unwrap_or(name)
}

/// What is in a directory, by name; nothing in one that is not there.
pub(super) fn listed(directory: &Path) -> Result<BTreeMap<std::ffi::OsString, fs::Metadata>, StoreError> {
    let entries = match fs::read_dir(directory) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(BTreeMap::new()),
        other => other.at("list", directory)?,
    };
    let mut found = BTreeMap::new();
    for entry in entries {
        let entry = entry.at("list", directory)?;
        // What goes meanwhile is not there.
        if let Ok(metadata) = entry.metadata() {
            found.insert(entry.file_name(), metadata);
        }
    }
    Ok(found)
}
