//! Large blobs that were read to their end and found right since the machine was started.
//!
//! What is compressed once for every output need not be verified each time: to compute a digest takes a quarter of the
//! time that compressing takes. The file must be the one that was read, and must not have been changed since by what the
//! kernel says, inode, size and the time of its last change, which no program can set; a disk that forgets what it held
//! is not noticed before the machine is started again. Everything that is sent, copied or laid out is verified each time.

use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::time::{SystemTime, UNIX_EPOCH};

use rusqlite::{OptionalExtension, params};

use super::durable::boot;
use super::{Store, StoreError};
use crate::digest::{ContentMismatch, Digest};

pub(super) const TABLE: &str = "
    CREATE TABLE IF NOT EXISTS read_back (
        digest BLOB PRIMARY KEY, boot TEXT NOT NULL, inode INTEGER NOT NULL, size INTEGER NOT NULL,
        changed INTEGER NOT NULL
    ) WITHOUT ROWID;
";

/// Blobs smaller than this are verified faster than they are looked up.
const LEAST_BYTES: u64 = 16 * 1024 * 1024;
const SECOND: i128 = 1_000_000_000;

fn failed(source: rusqlite::Error) -> StoreError {
    StoreError::Metadata { operation: "look up a blob that was read back", source }
}

/// What a file was when it was looked at.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Seen {
    device: u64,
    inode: u64,
    size: u64,
    /// Nanoseconds since 1970.
    changed: i128,
}

impl Seen {
    pub(super) fn of(metadata: &Metadata) -> Self {
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            size: metadata.len(),
            changed: i128::from(metadata.ctime()) * SECOND + i128::from(metadata.ctime_nsec()),
        }
    }

    /// Bytes.
    pub(super) fn size(&self) -> u64 {
        self.size
    }

    /// Whether it is the same file, changed or not.
    pub(super) fn is_same_file(&self, other: &Self) -> bool {
        (self.device, self.inode) == (other.device, other.inode)
    }

    /// Whether a change would show: the clock of a file system may stand still for some milliseconds.
    fn has_settled(&self) -> bool {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        i128::try_from(now.as_nanos()).is_ok_and(|now| now > self.changed + SECOND)
    }

    fn columns(&self) -> (i64, i64, i64) {
        // Whole nanoseconds fit until the year 2262.
        (self.inode.cast_signed(), self.size.cast_signed(), i64::try_from(self.changed).unwrap_or(i64::MAX))
    }
}

impl Store {
    /// Notes that a blob is right.
    pub(super) fn note_read_back(&self, digest: &Digest, seen: &Seen) -> Result<(), StoreError> {
        let is_known = || self.was_read_back(digest, seen).unwrap_or(false);
        if seen.size < LEAST_BYTES || !seen.has_settled() || is_known() {
            return Ok(());
        }
        let (boot, (inode, size, changed)) = (boot(), seen.columns());
        let connection = self.inner.metadata.connection();
        // A store may have been made before there was this table.
        connection.execute_batch(TABLE).map_err(failed)?;
        connection.execute("DELETE FROM read_back WHERE boot <> ?1", [&boot]).map_err(failed)?;
        let statement = "INSERT OR REPLACE INTO read_back VALUES (?1, ?2, ?3, ?4, ?5)";
        connection.execute(statement, params![digest.as_bytes(), boot, inode, size, changed]).map_err(failed)?;
        Ok(())
    }

    /// Tells whether a file was found to be this blob since the machine was started, and is as it was.
    pub(super) fn was_read_back(&self, digest: &Digest, seen: &Seen) -> Result<bool, StoreError> {
        if seen.size < LEAST_BYTES {
            return Ok(false);
        }
        let connection = self.inner.metadata.connection();
        let query = "SELECT inode, size, changed FROM read_back WHERE digest = ?1 AND boot = ?2";
        let known = connection
            .query_row(query, params![digest.as_bytes(), boot()], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
            .optional()
            .map_err(failed)?;
        Ok(known == Some(seen.columns()))
    }
}

/// Reads a file that is known to be right; fails at the end where it has become shorter or longer.
#[derive(Debug)]
pub(super) struct KnownReader {
    file: File,
    size: u64,
    read: u64,
}

impl KnownReader {
    pub(super) fn new(file: File, size: u64) -> Self {
        Self { file, size, read: 0 }
    }
}

impl Read for KnownReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read(buffer)?;
        self.read += count as u64;
        if self.read > self.size || (count == 0 && !buffer.is_empty() && self.read < self.size) {
            let mismatch = ContentMismatch::Size { expected: self.size, found: self.read };
            return Err(io::Error::new(io::ErrorKind::InvalidData, mismatch));
        }
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::os::unix::fs::FileExt;

    use super::*;
    use crate::cancel::CancelToken;
    use crate::store::{Owner, StoreOptions};

    fn read(store: &Store, digest: &Digest) -> io::Result<u64> {
        io::copy(&mut store.open_known_blob(digest).map_err(io::Error::other)?, &mut io::sink())
    }

    fn seen(store: &Store, digest: &Digest) -> Seen {
        Seen::of(&std::fs::metadata(store.blob_path(digest)).unwrap())
    }

    /// A blob that has not been changed for some time.
    fn settled(store: &Store) -> Digest {
        let mut writer = store.blob_writer().unwrap();
        writer.write_all(&vec![7; usize::try_from(LEAST_BYTES).unwrap()]).unwrap();
        let digest = writer.finish().unwrap().0;
        // What has just been written is not noted.
        read(store, &digest).unwrap();
        assert!(!store.was_read_back(&digest, &seen(store, &digest)).unwrap());
        std::thread::sleep(std::time::Duration::from_millis(1100));
        store.verify_blob(&digest, &CancelToken::new()).unwrap();
        assert!(store.was_read_back(&digest, &seen(store, &digest)).unwrap());
        digest
    }

    #[test]
    fn what_is_changed_after_it_was_verified_is_found() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(&StoreOptions { root: dir.path().to_owned(), owner: Owner::Root }).unwrap();
        let digest = settled(&store);
        assert_eq!(read(&store, &digest).unwrap(), LEAST_BYTES);
        let file = File::options().write(true).open(store.blob_path(&digest)).unwrap();
        file.write_all_at(b"wrong", 1000).unwrap();
        // Its times are set back as far as that is possible.
        file.set_modified(UNIX_EPOCH).unwrap();
        assert!(!store.was_read_back(&digest, &seen(&store, &digest)).unwrap());
        assert!(read(&store, &digest).is_err());
        assert!(!store.has_blob(&digest));
    }

    #[test]
    fn another_start_of_the_machine_or_another_size_is_another_matter() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(&StoreOptions { root: dir.path().to_owned(), owner: Owner::Root }).unwrap();
        let digest = settled(&store);
        let mut reader = store.open_known_blob(&digest).unwrap();
        File::options().write(true).open(store.blob_path(&digest)).unwrap().set_len(LEAST_BYTES - 1).unwrap();
        assert!(io::copy(&mut reader, &mut io::sink()).is_err());
        let digest = settled(&store);
        let connection = store.inner.metadata.connection();
        assert_eq!(connection.execute("UPDATE read_back SET boot = 'another'", []).unwrap(), 1);
        drop(connection);
        assert!(!store.was_read_back(&digest, &seen(&store, &digest)).unwrap());
    }
}
