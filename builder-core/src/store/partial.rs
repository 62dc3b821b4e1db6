//! Blobs whose download was interrupted: what came so far is kept for whoever fetches the blob next, also in another
//! process.
//!
//! `partial/HEX` is the beginning of what is to be the blob of that name, and nothing more than a hope. Who goes on
//! with it holds its lock, hashes it from the first byte, and in the end it is the blob or is removed. A process that
//! is killed leaves the file without a lock. Collections remove what nobody works on, and so does time.

use std::fs::{self, File};
use std::io::{self, BufWriter, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use rustix::fs::FlockOperation;

use super::blob::{mismatch, prepare, publish};
use super::{Store, StoreError};
use crate::digest::{Digest, Digester};
use crate::fs::PathContext;

/// Less than this is fetched again rather than kept, in bytes.
const LEAST: u64 = 1 << 20;
/// The most beginnings that are kept.
const MOST: usize = 16;
/// The most bytes of them, but for the newest.
const MOST_BYTES: u64 = 8 << 30;
/// How long they are kept.
const AGE: Duration = Duration::from_hours(7 * 24);
/// Bytes moved at once.
const BUFFER: usize = 256 * 1024;
/// How often somebody else may take the file away while it is being opened.
const TRIES: usize = 3;

/// A blob on its way into the store that survives an interruption; nobody sees it as a blob before it is whole.
#[derive(Debug)]
pub(crate) struct PartialBlob {
    store: Store,
    path: PathBuf,
    /// Holds the lock; nothing once it has become the blob.
    file: Option<BufWriter<File>>,
    digester: Digester,
    /// Whether some of it was there before.
    continued: bool,
    /// Whether it is of no use to anybody.
    spoiled: bool,
}

impl Store {
    fn partial_directory(&self) -> PathBuf {
        self.root().join("partial")
    }

    /// Begins a blob of a size, or goes on with one that was interrupted. Nothing where it is too small to be kept, or
    /// somebody else is at it.
    ///
    /// # Errors
    /// [`StoreError::Path`].
    pub(crate) fn partial_blob(&self, digest: &Digest, size: u64) -> Result<Option<PartialBlob>, StoreError> {
        if size < LEAST {
            return Ok(None);
        }
        let directory = self.partial_directory();
        fs::create_dir_all(&directory).at("create directory", &directory)?;
        self.remove_old_partial_blobs()?;
        let path = directory.join(digest.hex());
        let Some(mut file) = locked(&path, true)? else { return Ok(None) };
        let mut digester = Digester::new();
        hash(&mut file, &mut digester).at("read", &path)?;
        // More than all of it, or all of it and wrong, is nothing.
        let is_wrong = |found: &Digester| found.length() > size || found.clone().finish() != *digest;
        if digester.length() >= size && is_wrong(&digester) {
            digester = Digester::new();
        }
        let length = digester.length();
        file.set_len(length).and_then(|()| file.seek(SeekFrom::Start(length))).at("write", &path)?;
        Ok(Some(PartialBlob {
            store: self.clone(),
            path,
            file: Some(BufWriter::with_capacity(BUFFER, file)),
            continued: length > 0,
            digester,
            spoiled: false,
        }))
    }

    /// Removes those that have lain too long, and of too many the oldest.
    fn remove_old_partial_blobs(&self) -> Result<(), StoreError> {
        let mut found = self.partial_blobs()?;
        let age = |metadata: &fs::Metadata| {
            let modified = metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH);
            SystemTime::now().duration_since(modified).unwrap_or_default()
        };
        found.sort_by_cached_key(|(_, metadata)| age(metadata));
        let mut bytes = 0;
        for (index, (path, metadata)) in found.iter().enumerate() {
            bytes += metadata.len();
            if index + 1 >= MOST || index > 0 && bytes > MOST_BYTES || age(metadata) > AGE {
                remove(path)?;
            }
        }
        Ok(())
    }

    fn partial_blobs(&self) -> Result<Vec<(PathBuf, fs::Metadata)>, StoreError> {
        let directory = self.partial_directory();
        let entries = match fs::read_dir(&directory) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            other => other.at("list", &directory)?,
        };
        let found = entries.flatten().filter_map(|entry| Some((entry.path(), entry.metadata().ok()?)));
        Ok(found.filter(|(_, metadata)| metadata.is_file()).collect())
    }
}

/// Opens a beginning and locks it; nothing where somebody else has it, or it is not there and not to be made.
fn locked(path: &Path, make: bool) -> Result<Option<File>, StoreError> {
    for _ in 0..TRIES {
        let mut options = File::options();
        options.read(true).write(true).create(make).truncate(false).mode(0o600);
        options.custom_flags(rustix::fs::OFlags::NOFOLLOW.bits().cast_signed());
        let file = match options.open(path) {
            Err(error) if !make && error.kind() == io::ErrorKind::NotFound => return Ok(None),
            other => other.at("open", path)?,
        };
        match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Err(rustix::io::Errno::WOULDBLOCK) => return Ok(None),
            other => other.at("lock", path)?,
        }
        // Who had it may have made it the blob, or removed it, before it was ours.
        let own = file.metadata().at("examine", path)?;
        if fs::symlink_metadata(path).is_ok_and(|found| (found.dev(), found.ino()) == (own.dev(), own.ino())) {
            return Ok(Some(file));
        }
    }
    Ok(None)
}

/// Removes a beginning unless somebody works on it; tells whether it did.
fn remove(path: &Path) -> Result<bool, StoreError> {
    let Some(_lock) = locked(path, false)? else { return Ok(false) };
    fs::remove_file(path).at("remove", path)?;
    Ok(true)
}

fn hash(file: &mut File, digester: &mut Digester) -> io::Result<()> {
    let mut buffer = vec![0; BUFFER];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(()),
            count => digester.update(&buffer[..count]),
        }
    }
}

impl PartialBlob {
    /// How many bytes are there.
    pub(crate) fn length(&self) -> u64 {
        self.digester.length()
    }

    /// Whether it goes on with what was there before.
    pub(crate) fn is_continued(&self) -> bool {
        self.continued
    }

    /// Forgets all bytes.
    ///
    /// # Errors
    /// [`StoreError::Path`].
    pub(crate) fn restart(&mut self) -> Result<(), StoreError> {
        (self.digester, self.continued) = (Digester::new(), false);
        if let Some(file) = &mut self.file {
            // Seeking writes what is in memory out first.
            file.seek(SeekFrom::Start(0)).and_then(|_| file.get_ref().set_len(0)).at("write", &self.path)?;
        }
        Ok(())
    }

    /// Makes it the blob: it must have this digest and size, or nothing is kept. As with
    /// [`super::BlobWriter::finish_as`] it is not forced to the disk.
    ///
    /// # Errors
    /// [`StoreError::Mismatch`], [`StoreError::Path`].
    pub(crate) fn finish_as(mut self, expected: &Digest, size: u64) -> Result<(), StoreError> {
        let (length, found) = (self.digester.length(), self.digester.clone().finish());
        if let Some(mismatch) = mismatch(expected, size, &found, length) {
            self.spoiled = true;
            return Err(mismatch);
        }
        if let Some(file) = &mut self.file {
            file.flush().at("write", &self.path)?;
            prepare(&self.store, file.get_ref(), expected, false)?;
        }
        publish(&self.store, expected, |path| fs::rename(&self.path, path))?;
        self.file = None;
        Ok(())
    }
}

impl Write for PartialBlob {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let Some(file) = &mut self.file else { return Err(io::ErrorKind::BrokenPipe.into()) };
        // On a full disk it is the last thing that is needed.
        let written = file.write(bytes).inspect_err(|_| self.spoiled = true)?;
        self.digester.update(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.as_mut().map_or(Ok(()), Write::flush)
    }
}

impl Drop for PartialBlob {
    fn drop(&mut self) {
        let Some(mut file) = self.file.take() else { return };
        if file.flush().is_err() || self.spoiled || self.digester.length() < LEAST {
            // What cannot be removed now goes with the next collection.
            let _ = fs::remove_file(&self.path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{CacheItem, CacheKind, Owner, PruneLimits, PruneOptions, StoreOptions};

    const SIZE: u64 = LEAST + 1000;

    fn store() -> (tempfile::TempDir, Store) {
        let scratch = tempfile::tempdir().unwrap();
        let options = StoreOptions { root: scratch.path().join("store"), owner: Owner::Root };
        let store = Store::open(&options).unwrap();
        (scratch, store)
    }

    fn content() -> Vec<u8> {
        (0..SIZE).map(|index| u8::try_from(index % 251).unwrap()).collect()
    }

    /// Writes so much of the content and gives up.
    fn interrupted(store: &Store, bytes: &[u8]) -> Digest {
        let digest = Digest::of(&content());
        store.partial_blob(&digest, SIZE).unwrap().unwrap().write_all(bytes).unwrap();
        digest
    }

    #[test]
    fn what_was_interrupted_goes_on_and_is_a_blob_only_in_the_end() {
        let (_scratch, store) = store();
        let digest = interrupted(&store, &content()[..1 << 20]);
        assert!(!store.has_blob(&digest));
        let mut again = store.partial_blob(&digest, SIZE).unwrap().unwrap();
        assert_eq!((again.length(), again.is_continued()), (1 << 20, true));
        // One at a time.
        assert!(store.partial_blob(&digest, SIZE).unwrap().is_none());
        assert_eq!(prune(&store, PruneLimits::default()), 0);
        again.write_all(&content()[1 << 20..]).unwrap();
        assert!(!store.has_blob(&digest));
        again.finish_as(&digest, SIZE).unwrap();
        assert_eq!(store.read_blob(&digest, SIZE).unwrap(), content());
        assert!(store.partial_blobs().unwrap().is_empty());
    }

    #[test]
    fn wrong_bytes_never_become_a_blob() {
        let (_scratch, store) = store();
        let digest = interrupted(&store, &vec![7; 1 << 20]);
        let mut again = store.partial_blob(&digest, SIZE).unwrap().unwrap();
        again.write_all(&content()[1 << 20..]).unwrap();
        assert!(matches!(again.finish_as(&digest, SIZE), Err(StoreError::Mismatch { .. })));
        assert!(!store.has_blob(&digest) && store.partial_blobs().unwrap().is_empty());
        // Neither does more than all of it, or all of it and wrong.
        for wrong in [vec![7; content().len() + 1], vec![7; content().len()]] {
            interrupted(&store, &wrong);
            assert_eq!(store.partial_blob(&digest, SIZE).unwrap().unwrap().length(), 0);
        }
        // All of it and right needs nothing more.
        interrupted(&store, &content());
        store.partial_blob(&digest, SIZE).unwrap().unwrap().finish_as(&digest, SIZE).unwrap();
        assert!(store.has_whole_blob(&digest, SIZE));
    }

    #[test]
    fn little_is_not_kept_and_nothing_for_ever() {
        let (_scratch, store) = store();
        assert!(store.partial_blob(&Digest::of(b"x"), LEAST - 1).unwrap().is_none());
        let digest = interrupted(&store, &content()[..1000]);
        assert!(store.partial_blobs().unwrap().is_empty());
        interrupted(&store, &content()[..1 << 20]);
        let path = store.partial_directory().join(digest.hex());
        let old = SystemTime::now() - AGE - Duration::from_mins(1);
        File::options().write(true).open(&path).unwrap().set_modified(old).unwrap();
        assert_eq!(store.partial_blob(&digest, SIZE).unwrap().unwrap().length(), 0);
        for index in 0..MOST + 5 {
            let mut other = store.partial_blob(&Digest::of(&index.to_le_bytes()), SIZE).unwrap().unwrap();
            other.write_all(&content()).unwrap();
        }
        assert_eq!(store.partial_blobs().unwrap().len(), MOST);
        assert!(prune(&store, PruneLimits::default()) > LEAST);
        assert!(store.partial_blobs().unwrap().is_empty());
    }

    fn prune(store: &Store, limits: PruneLimits) -> u64 {
        let filter = &|_: &CacheItem| true;
        store.prune(&PruneOptions { all: true, unnamed_images: true, limits, filter }).unwrap().freed
    }

    #[test]
    fn they_are_things_of_the_cache_like_others() {
        let (_scratch, store) = store();
        interrupted(&store, &content()[..1 << 20]);
        let usage = store.cache_usage().unwrap();
        assert_eq!((usage.items.len(), usage.items[0].kind), (1, CacheKind::Download));
        assert!(usage.size >= LEAST && usage.reclaimable == usage.size);
        let after = |limits| {
            prune(&store, limits);
            store.partial_blobs().unwrap().len()
        };
        assert_eq!(after(PruneLimits { reserved: 1 << 40, ..PruneLimits::default() }), 1);
        // What somebody goes on with is theirs.
        let going_on = store.partial_blob(&Digest::of(&content()), SIZE).unwrap().unwrap();
        assert!(store.cache_usage().unwrap().items[0].in_use);
        assert_eq!(after(PruneLimits::default()), 1);
        drop(going_on);
        assert_eq!(after(PruneLimits { max_used: 1000, ..PruneLimits::default() }), 0);
    }
}
