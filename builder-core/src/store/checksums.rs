//! BLAKE3 of the large blobs that were made here, noted while they were written.
//!
//! Whoever compresses a layer, sends it, or lays it out verifies it while reading it, each time. With BLAKE3 that takes
//! a quarter of what SHA-256 takes, a tenth of the time of compressing, and is no easier to deceive. What was not noted
//! is verified with SHA-256, and so is what is not as it was noted: it may be the note that is wrong.

use std::fs::File;
use std::io::{self, Read, Seek};

use rusqlite::OptionalExtension;

use super::metadata::failed;
use super::{Store, StoreError};
use crate::digest::{ContentMismatch, Digest, Digester};

pub(super) const TABLE: &str = "
    CREATE TABLE IF NOT EXISTS blob_checksums (digest BLOB PRIMARY KEY, blake3 BLOB NOT NULL) WITHOUT ROWID;
";

/// Smaller blobs are verified faster than they are looked up.
pub(super) const LEAST_BYTES: u64 = 4 * 1024 * 1024;
/// Bytes read at once.
const BUFFER_BYTES: usize = 256 * 1024;

impl Store {
    /// Notes the BLAKE3 of what is put under a digest.
    pub(super) fn note_checksum(&self, digest: &Digest, checksum: &blake3::Hash, size: u64) -> Result<(), StoreError> {
        if size < LEAST_BYTES {
            return Ok(());
        }
        let statement = "INSERT OR REPLACE INTO blob_checksums VALUES (?1, ?2)";
        let connection = self.inner.metadata.connection();
        let noted = connection.execute(statement, [digest.as_bytes(), checksum.as_bytes()]);
        noted.map(drop).map_err(failed("note the checksum of a blob"))
    }

    /// Returns the BLAKE3 of a blob, where it was noted.
    pub(super) fn checksum(&self, digest: &Digest, size: u64) -> Option<blake3::Hash> {
        if size < LEAST_BYTES {
            return None;
        }
        let query = "SELECT blake3 FROM blob_checksums WHERE digest = ?1";
        let connection = self.inner.metadata.connection();
        // What cannot be looked up is verified with SHA-256.
        let found = connection.query_row(query, [digest.as_bytes()], |row| row.get::<_, [u8; 32]>(0)).optional();
        found.ok().flatten().map(blake3::Hash::from_bytes)
    }

    /// Forgets the BLAKE3 of a blob.
    pub(super) fn forget_checksum(&self, digest: &Digest) -> Result<(), StoreError> {
        let statement = "DELETE FROM blob_checksums WHERE digest = ?1";
        let gone = self.inner.metadata.connection().execute(statement, [digest.as_bytes()]);
        gone.map(drop).map_err(failed("forget the checksum of a blob"))
    }
}

/// Reads a file and fails at its end unless it has a BLAKE3, or was right all the same; at once where it has become longer.
#[derive(Debug)]
pub(super) struct ChecksumReader {
    file: File,
    hasher: Option<Box<blake3::Hasher>>,
    noted: blake3::Hash,
    digest: Digest,
    size: u64,
}

impl ChecksumReader {
    pub(super) fn new(file: File, noted: blake3::Hash, digest: Digest, size: u64) -> Self {
        Self { file, hasher: Some(Box::default()), noted, digest, size }
    }

    /// Returns the BLAKE3 of a blob that has been read to its end and was right, where another one was noted.
    pub(super) fn correction(&self) -> Option<blake3::Hash> {
        self.hasher.is_none().then_some(self.noted)
    }

    /// Bytes of the whole file.
    pub(super) fn size(&self) -> u64 {
        self.size
    }

    /// Reads all of it again: whether it has its SHA-256, and was read the same before.
    fn verify_again(&mut self, found: blake3::Hash) -> io::Result<()> {
        self.file.rewind()?;
        let (mut hasher, mut digester) = (blake3::Hasher::new(), Digester::new());
        let mut buffer = vec![0; BUFFER_BYTES];
        loop {
            let count = match self.file.read(&mut buffer) {
                Ok(0) => break,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                other => other?,
            };
            hasher.update(&buffer[..count]);
            digester.update(&buffer[..count]);
        }
        let digest = digester.finish();
        if digest != self.digest {
            let mismatch = ContentMismatch::Digest { expected: self.digest, found: digest };
            return Err(io::Error::new(io::ErrorKind::InvalidData, mismatch));
        }
        if hasher.finalize() != found {
            return Err(io::Error::other("the disk returned other bytes when they were read again"));
        }
        Ok(())
    }
}

impl Read for ChecksumReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        let Some(hasher) = self.hasher.as_mut() else { return Ok(0) };
        let count = self.file.read(buffer)?;
        hasher.update(&buffer[..count]);
        let read = hasher.count();
        if read > self.size || count == 0 && read < self.size {
            let mismatch = ContentMismatch::Size { expected: self.size, found: read };
            return Err(io::Error::new(io::ErrorKind::InvalidData, mismatch));
        }
        if count == 0 {
            let found = hasher.finalize();
            if found != self.noted {
                self.verify_again(found)?;
                (self.hasher, self.noted) = (None, found);
            }
        }
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::os::unix::fs::FileExt;

    use super::*;
    use crate::store::{Owner, StoreOptions, damaged_blob};

    fn made(bytes: &[u8]) -> (tempfile::TempDir, Store, Digest) {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(&StoreOptions { root: dir.path().to_owned(), owner: Owner::Root }).unwrap();
        let digest = Digest::of(bytes);
        let mut writer = store.plain_blob_writer().unwrap();
        bytes.chunks(300_000).for_each(|piece| writer.write_all(piece).unwrap());
        writer.finish_as(&digest).unwrap();
        (dir, store, digest)
    }

    /// Zeros, which become a hole, and something else.
    fn large() -> Vec<u8> {
        let mut bytes = vec![0; usize::try_from(LEAST_BYTES).unwrap()];
        bytes.extend((0..100_000_u32).flat_map(u32::to_le_bytes));
        bytes
    }

    fn read(store: &Store, digest: &Digest) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        store.open_blob(digest).unwrap().read_to_end(&mut bytes).map(|_| bytes)
    }

    #[test]
    fn large_blobs_are_verified_by_what_was_noted() {
        let bytes = large();
        let (_dir, store, digest) = made(&bytes);
        let size = bytes.len() as u64;
        assert_eq!(store.checksum(&digest, size), Some(blake3::hash(&bytes)));
        assert!(read(&store, &digest).unwrap() == bytes);
        for change in [0, size / 2, size - 1] {
            let (_dir, store, digest) = made(&bytes);
            let file = File::options().write(true).open(store.blob_path(&digest)).unwrap();
            file.write_all_at(b"!", change).unwrap();
            let error = read(&store, &digest).unwrap_err();
            assert_eq!(damaged_blob(&error).map(|blob| blob.digest), Some(digest), "{change}");
            assert!(!store.has_blob(&digest));
            assert_eq!(store.checksum(&digest, size), None);
        }
    }

    #[test]
    fn small_ones_are_not_noted() {
        let (_dir, store, digest) = made(b"small");
        assert_eq!(store.checksum(&digest, LEAST_BYTES), None);
        assert_eq!(read(&store, &digest).unwrap(), b"small");
    }

    #[test]
    fn a_wrong_note_costs_no_blob() {
        let bytes = large();
        let (_dir, store, digest) = made(&bytes);
        let size = bytes.len() as u64;
        store.note_checksum(&digest, &blake3::hash(b"other"), size).unwrap();
        assert!(read(&store, &digest).unwrap() == bytes);
        assert_eq!(store.checksum(&digest, size), Some(blake3::hash(&bytes)));
    }

    #[test]
    fn a_file_that_grows_or_shrinks_while_it_is_read_is_told() {
        let bytes = large();
        for length in [0, LEAST_BYTES, bytes.len() as u64 + 1] {
            let (_dir, store, digest) = made(&bytes);
            let mut reader = store.open_blob(&digest).unwrap();
            File::options().write(true).open(store.blob_path(&digest)).unwrap().set_len(length).unwrap();
            let error = io::copy(&mut reader, &mut io::sink()).unwrap_err();
            let told = damaged_blob(&error).map(|blob| blob.mismatch.clone());
            assert!(matches!(told, Some(ContentMismatch::Size { .. })), "{length} {told:?}");
        }
    }
}
