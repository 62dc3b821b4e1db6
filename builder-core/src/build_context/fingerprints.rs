//! What the files of a build context, or of a stage, were when they were last hashed, so that nothing is read when
//! nothing changed.
//!
//! Like git's index: a file whose device, inode, kind, mode, size, mtime and ctime are all what they were has the
//! content it had. Nobody can set a ctime, so an edit that puts size and mtime back is seen. What such a comparison
//! cannot see is a second write within one tick of the file system's clock: a file is therefore only remembered once
//! its last change lies safely before the moment at which it was hashed (git's "racy" rule).
//!
//! One file a context or stage, replaced as a whole; it is an aid and never the truth: one that is missing, damaged or of another
//! version is empty. Layout, numbers in little endian:
//!
//! ```text
//! file   = "builder fingerprints" version:u32 count:u64 record* BLAKE3(all before)
//! record = path:15 kind:1 state:16 digest:32             sorted by path; kind 0: content, 1: bytes (see [`Known`])
//! path   = the first bytes of BLAKE3(path from the context's root)
//! state  = the first bytes of BLAKE3(what is compared, see above)
//! ```

use std::collections::HashMap;
use std::fs;
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{PoisonError, RwLock};
use std::time::{SystemTime, UNIX_EPOCH};

use crate::fs::entry::{Metadata, Time};

const MAGIC: &[u8] = b"builder fingerprints";
/// Version of the layout, and of what `content` stands for.
const VERSION: u32 = 3;
const HEADER_BYTES: usize = MAGIC.len() + 4 + 8;
const RECORD_BYTES: usize = 64;
const CHECKSUM_BYTES: usize = 32;
/// The largest file that is read, in bytes: four million files.
const MAX_BYTES: u64 = 256 * 1024 * 1024;
/// How long before its hashing a file must have changed last. File systems of Linux count in ticks of at most
/// 10 ms; those that keep whole seconds only (FAT: every other one) show no nanoseconds.
const SETTLED_NANOSECONDS: i128 = 25_000_000;
const SETTLED_COARSE_NANOSECONDS: i128 = 2_100_000_000;
/// Records of files that the last build did not ask for are kept, up to so many times those that it did.
const KEPT_FACTOR: usize = 4;

/// What is known of a file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Known {
    /// BLAKE3 of all that is not seen by looking at it from outside.
    Content([u8; 32]),
    /// BLAKE3 of the bytes of a regular file that has no extended attributes.
    Bytes([u8; 32]),
}

/// The first bytes of the BLAKE3 of a path.
type PathKey = [u8; 15];

/// What one file was.
#[derive(Clone, Copy, Debug)]
struct Record {
    path: PathKey,
    state: [u8; 16],
    known: Known,
}

/// The fingerprints of one context or stage.
#[derive(Debug)]
pub struct Fingerprints {
    file: PathBuf,
    /// Whether devices have numbers that stay.
    by_device: bool,
    /// The records as they were read, sorted by path.
    known: Vec<u8>,
    hits: AtomicUsize,
    fresh: RwLock<Fresh>,
}

/// What this build learned.
#[derive(Debug, Default)]
struct Fresh {
    records: HashMap<PathKey, Record>,
    /// Whether all of them are on disk.
    saved: bool,
}

/// The moment before a file is opened to be hashed.
#[derive(Clone, Copy, Debug)]
pub struct Before(Time);

impl Before {
    /// Now.
    pub fn now() -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self((i64::try_from(now.as_secs()).unwrap_or(i64::MAX), now.subsec_nanos()))
    }
}

impl Fingerprints {
    /// Reads the fingerprints that an earlier build left for a context; none where there are none.
    pub fn open(directory: &Path, context: &Path) -> Self {
        Self::of(directory, context.as_os_str().as_bytes(), true)
    }

    /// Reads those of a stage's filesystem, by a name that stands for all that is in it. It may be mounted anew for each
    /// build.
    pub fn of_stage(directory: &Path, name: &[u8]) -> Self {
        Self::of(directory, &[b"stage ", name].concat(), false)
    }

    fn of(directory: &Path, name: &[u8], by_device: bool) -> Self {
        let file = directory.join(format!("{}.v{VERSION}", blake3::hash(name).to_hex()));
        let known = read(&file).unwrap_or_default();
        Self { file, by_device, known, hits: AtomicUsize::new(0), fresh: RwLock::default() }
    }

    /// Returns what was found out about a file when it was hashed, where it is what it was then.
    pub fn known(&self, path: &Path, metadata: &Metadata) -> Option<Known> {
        let (path, state) = (path_key(path), self.state_key(metadata));
        let fresh = || self.fresh.read().unwrap_or_else(PoisonError::into_inner).records.get(&path).copied();
        let matching = |record: &Record| record.state == state;
        let record = find(&self.known, &path).filter(matching).or_else(|| fresh().filter(matching))?;
        self.hits.fetch_add(1, Ordering::Relaxed);
        Some(record.known)
    }

    /// Remembers a file, unless it may change again without showing it. `metadata` is what it was both when it was
    /// opened and after the last byte was read, `before` the moment before it was opened.
    pub fn remember(&self, path: &Path, metadata: &Metadata, before: Before, known: Known) {
        if settled(metadata, before) {
            let record = Record { path: path_key(path), state: self.state_key(metadata), known };
            let mut fresh = self.fresh.write().unwrap_or_else(PoisonError::into_inner);
            fresh.records.insert(record.path, record);
            fresh.saved = false;
        }
    }

    fn state_key(&self, metadata: &Metadata) -> [u8; 16] {
        let Metadata { kind, mode, uid, gid, size, mtime, ctime, identity, .. } = *metadata;
        let device = if self.by_device { identity.0 } else { 0 };
        let mut bytes = [0; 5 * 8 + 6 * 4];
        let (long, short) = bytes.split_at_mut(5 * 8);
        let numbers = [device, identity.1, size, mtime.0.cast_unsigned(), ctime.0.cast_unsigned()];
        for (place, number) in long.chunks_exact_mut(8).zip(numbers) {
            place.copy_from_slice(&number.to_le_bytes());
        }
        let numbers = [mtime.1, ctime.1, mode, uid, gid, kind as u32];
        for (place, number) in short.chunks_exact_mut(4).zip(numbers) {
            place.copy_from_slice(&number.to_le_bytes());
        }
        first_bytes(&blake3::hash(&bytes))
    }

    /// Tells whether there is anything to write down.
    pub fn has_news(&self) -> bool {
        let fresh = self.fresh.read().unwrap_or_else(PoisonError::into_inner);
        !fresh.saved && !fresh.records.is_empty()
    }

    /// Writes down what was learned; nothing is written where that is nothing new. What another build wrote
    /// meanwhile is lost: it reads the files again. The file is made in `temporary`, a directory of the same file
    /// system that is cleared when a build is killed.
    ///
    /// # Errors
    /// Those of the file system. The next build then reads the files again, no more.
    pub fn save(&self, temporary: &Path) -> io::Result<()> {
        if !self.has_news() {
            return Ok(());
        }
        let mut fresh = self.fresh.write().unwrap_or_else(PoisonError::into_inner);
        fresh.saved = true;
        let mut new: Vec<Record> = fresh.records.values().copied().collect();
        new.sort_unstable_by_key(|record| record.path);
        // Files that went away leave records behind. When they are many, all are forgotten that are not from today.
        let used = self.hits.load(Ordering::Relaxed) + new.len();
        // Nothing goes away in a stage.
        let keep = !self.by_device || self.known.len() / RECORD_BYTES <= used.saturating_mul(KEPT_FACTOR);
        write(&self.file, temporary, if keep { &self.known } else { &[] }, &new)
    }
}

fn path_key(path: &Path) -> PathKey {
    first_bytes(&blake3::hash(path.as_os_str().as_bytes()))
}

fn first_bytes<const COUNT: usize>(hash: &blake3::Hash) -> [u8; COUNT] {
    let mut bytes = [0; COUNT];
    bytes.copy_from_slice(&hash.as_bytes()[..COUNT]);
    bytes
}

fn settled(metadata: &Metadata, Before(before): Before) -> bool {
    let nanoseconds = |(seconds, part): Time| i128::from(seconds) * 1_000_000_000 + i128::from(part);
    let coarse = metadata.ctime.1 == 0 && metadata.mtime.1 == 0;
    let margin = if coarse { SETTLED_COARSE_NANOSECONDS } else { SETTLED_NANOSECONDS };
    nanoseconds(metadata.ctime.max(metadata.mtime)) + margin < nanoseconds(before)
}

fn encode(record: &Record) -> [u8; RECORD_BYTES] {
    let (kind, digest) = match record.known {
        Known::Content(digest) => (0, digest),
        Known::Bytes(digest) => (1, digest),
    };
    let mut bytes = [0; RECORD_BYTES];
    bytes[..15].copy_from_slice(&record.path);
    bytes[15] = kind;
    bytes[16..32].copy_from_slice(&record.state);
    bytes[32..].copy_from_slice(&digest);
    bytes
}

fn decode(bytes: &[u8]) -> Option<Record> {
    let digest = bytes.get(32..RECORD_BYTES)?.try_into().ok()?;
    let known = match bytes.get(15)? {
        0 => Known::Content(digest),
        1 => Known::Bytes(digest),
        _ => return None,
    };
    Some(Record { path: bytes.get(..15)?.try_into().ok()?, state: bytes.get(16..32)?.try_into().ok()?, known })
}

fn find(records: &[u8], path: &PathKey) -> Option<Record> {
    let (mut low, mut high) = (0, records.len() / RECORD_BYTES);
    while low < high {
        let middle = low.midpoint(high);
        let record = records.get(middle * RECORD_BYTES..)?.get(..RECORD_BYTES)?;
        match record.get(..15)?.cmp(path) {
            std::cmp::Ordering::Equal => return decode(record),
            std::cmp::Ordering::Less => low = middle + 1,
            std::cmp::Ordering::Greater => high = middle,
        }
    }
    None
}

/// Returns the records of a file that is whole and of this version.
fn read(file: &Path) -> Option<Vec<u8>> {
    if fs::metadata(file).ok()?.len() > MAX_BYTES {
        return None;
    }
    let mut bytes = fs::read(file).ok()?;
    let checksum = bytes.split_off(bytes.len().checked_sub(CHECKSUM_BYTES)?);
    if blake3::hash(&bytes).as_bytes() != checksum.as_slice() {
        return None;
    }
    let (header, records) = bytes.split_at_checked(HEADER_BYTES)?;
    if header != self::header(records.len() / RECORD_BYTES) || records.len() % RECORD_BYTES != 0 {
        return None;
    }
    bytes.drain(..HEADER_BYTES);
    Some(bytes)
}

fn header(count: usize) -> Vec<u8> {
    let mut header = MAGIC.to_vec();
    header.extend_from_slice(&VERSION.to_le_bytes());
    header.extend_from_slice(&(count as u64).to_le_bytes());
    header
}

/// Writes old and new records as one file; a new one replaces an old one of its path. Both are sorted by path.
fn write(file: &Path, temporary: &Path, old: &[u8], new: &[Record]) -> io::Result<()> {
    let old = || old.chunks_exact(RECORD_BYTES).filter_map(decode);
    let stays = |record: &Record| new.binary_search_by_key(&record.path, |new| new.path).is_err();
    let count = old().filter(stays).count() + new.len();
    if let Some(directory) = file.parent() {
        fs::create_dir_all(directory)?;
    }
    let mut partial = tempfile::NamedTempFile::new_in(temporary)?;
    let mut hasher = blake3::Hasher::new();
    let mut out = io::BufWriter::with_capacity(128 * 1024, partial.as_file_mut());
    let mut put = |bytes: &[u8]| {
        hasher.update(bytes);
        out.write_all(bytes)
    };
    put(&header(count))?;
    let mut new_records = new.iter().peekable();
    for record in old().filter(stays) {
        while let Some(earlier) = new_records.next_if(|new| new.path < record.path) {
            put(&encode(earlier))?;
        }
        put(&encode(&record))?;
    }
    for record in new_records {
        put(&encode(record))?;
    }
    out.write_all(hasher.finalize().as_bytes())?;
    out.flush()?;
    drop(out);
    partial.persist(file)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;
    use std::time::Duration;

    use super::*;
    use crate::fs::entry;

    const SEVEN: Known = Known::Bytes([7; 32]);

    struct Place {
        directory: tempfile::TempDir,
    }

    impl Place {
        fn new() -> Self {
            Self { directory: tempfile::tempdir().unwrap() }
        }

        fn open(&self) -> Fingerprints {
            Fingerprints::open(&self.directory.path().join("fingerprints"), Path::new("/context"))
        }

        fn write(&self, content: &str) -> Metadata {
            fs::write(self.directory.path().join("file"), content).unwrap();
            self.metadata()
        }

        fn metadata(&self) -> Metadata {
            entry::metadata_of(fs::File::open(self.directory.path().join("file")).unwrap()).unwrap()
        }
    }

    fn settle() {
        std::thread::sleep(Duration::from_millis(40));
    }

    #[test]
    fn a_file_that_did_not_change_is_known_and_one_that_did_is_not() {
        let place = Place::new();
        let metadata = place.write("one");
        settle();
        let first = place.open();
        assert_eq!(first.known(Path::new("file"), &metadata), None);
        first.remember(Path::new("file"), &metadata, Before::now(), SEVEN);
        first.save(place.directory.path()).unwrap();
        let second = place.open();
        assert_eq!(second.known(Path::new("file"), &metadata), Some(SEVEN));
        assert_eq!(second.known(Path::new("other"), &metadata), None);

        // The same size and the mtime put back: the ctime tells.
        let path = place.directory.path().join("file");
        let mtime = fs::metadata(&path).unwrap().modified().unwrap();
        fs::write(&path, "two").unwrap();
        fs::File::options().write(true).open(&path).unwrap().set_modified(mtime).unwrap();
        let edited = place.metadata();
        assert_eq!((edited.size, edited.mtime), (metadata.size, metadata.mtime));
        assert_eq!(second.known(Path::new("file"), &edited), None);

        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        assert_eq!(second.known(Path::new("file"), &place.metadata()), None);
    }

    #[test]
    fn a_file_that_has_just_changed_is_not_remembered() {
        let place = Place::new();
        let metadata = place.write("one");
        let fingerprints = place.open();
        fingerprints.remember(Path::new("file"), &metadata, Before::now(), SEVEN);
        fingerprints.save(place.directory.path()).unwrap();
        assert_eq!(place.open().known(Path::new("file"), &metadata), None);
    }

    #[test]
    fn coarse_clocks_need_more_time() {
        let place = Place::new();
        let mut metadata = place.write("one");
        let (seconds, _) = metadata.ctime;
        (metadata.ctime, metadata.mtime) = ((seconds, 0), (seconds, 0));
        assert!(!settled(&metadata, Before((seconds + 2, 0))));
        assert!(settled(&metadata, Before((seconds + 3, 0))));
        (metadata.ctime, metadata.mtime) = ((seconds, 1), (seconds, 1));
        assert!(settled(&metadata, Before((seconds, 30_000_000))));
        assert!(!settled(&metadata, Before((seconds - 5, 0))), "a clock that was set back");
    }

    #[test]
    fn old_records_stay_and_new_ones_replace_them() {
        let place = Place::new();
        let metadata = place.write("one");
        settle();
        let names: Vec<PathBuf> = (0..100).map(|n| PathBuf::from(format!("d/{n}"))).collect();
        let first = place.open();
        for name in &names {
            first.remember(name, &metadata, Before::now(), Known::Content([1; 32]));
        }
        first.save(place.directory.path()).unwrap();
        let second = place.open();
        for name in &names[..50] {
            second.remember(name, &metadata, Before::now(), Known::Content([2; 32]));
        }
        second.save(place.directory.path()).unwrap();
        let third = place.open();
        for (n, name) in names.iter().enumerate() {
            assert_eq!(third.known(name, &metadata), Some(Known::Content([if n < 50 { 2 } else { 1 }; 32])));
        }
    }

    #[test]
    fn stages_know_their_files_whatever_number_the_device_has() {
        let place = Place::new();
        let mut metadata = place.write("one");
        settle();
        let directory = place.directory.path().join("fingerprints");
        let open = |name: &str| Fingerprints::of_stage(&directory, name.as_bytes());
        for number in 0..KEPT_FACTOR + 2 {
            let stage = open("a");
            stage.remember(Path::new(&number.to_string()), &metadata, Before::now(), SEVEN);
            stage.save(place.directory.path()).unwrap();
        }
        metadata.identity.0 += 1;
        assert_eq!(open("a").known(Path::new("0"), &metadata), Some(SEVEN));
        assert_eq!(open("b").known(Path::new("0"), &metadata), None);
        metadata.identity.1 += 1;
        assert_eq!(open("a").known(Path::new("0"), &metadata), None);
        assert_eq!(place.open().known(Path::new("0"), &metadata), None);
    }

    #[test]
    fn a_damaged_file_is_no_file() {
        let place = Place::new();
        let metadata = place.write("one");
        settle();
        let first = place.open();
        first.remember(Path::new("file"), &metadata, Before::now(), SEVEN);
        first.save(place.directory.path()).unwrap();
        let whole = fs::read(&first.file).unwrap();
        for length in [0, 1, HEADER_BYTES, whole.len() - 1] {
            fs::write(&first.file, &whole[..length]).unwrap();
            assert_eq!(place.open().known(Path::new("file"), &metadata), None, "{length}");
        }
        for at in 0..whole.len() {
            let mut damaged = whole.clone();
            damaged[at] ^= 1;
            fs::write(&first.file, &damaged).unwrap();
            assert_eq!(place.open().known(Path::new("file"), &metadata), None, "{at}");
        }
    }
}
