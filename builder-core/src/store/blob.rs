//! Blobs: whole and verified under their digest, or not there.

use std::fs::{self, File};
use std::io::{self, BufWriter, Read, Seek, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::checksums::ChecksumReader;
use super::{DamagedBlob, Store, StoreError};
use crate::cancel::CancelToken;
use crate::digest::{ContentMismatch, Digest, DigestWriter, VerifyingReader};
use crate::fs::{PathContext, replace};

/// Bytes moved at once.
const BUFFER: usize = 256 * 1024;
/// The fewest zeros that are worth a hole.
const HOLE_BYTES: usize = 64 * 1024;

impl Store {
    /// Returns the path that a blob has, or would have.
    pub fn blob_path(&self, digest: &Digest) -> PathBuf {
        self.root().join("blobs/sha256").join(digest.hex())
    }

    /// Tells whether a blob is there. It stays while somebody holds the store.
    pub fn has_blob(&self, digest: &Digest) -> bool {
        self.blob_size(digest).is_some()
    }

    /// Tells whether a blob of this size is there: one that was cut short is none. It stays while somebody holds the
    /// store.
    pub fn has_whole_blob(&self, digest: &Digest, size: u64) -> bool {
        self.blob_size(digest) == Some(size)
    }

    /// Returns the size of a blob in bytes, or `None` where it is not there. It stays while somebody holds the store.
    pub fn blob_size(&self, digest: &Digest) -> Option<u64> {
        if !self.must_retain(digest) {
            return self.size_of(digest);
        }
        let _gate = self.gate().ok()?;
        let size = self.size_of(digest)?;
        // What cannot be kept is as good as gone.
        self.retain(&[*digest]).ok().map(|()| size)
    }

    /// Returns the size of a blob that nobody relies on.
    pub(super) fn size_of(&self, digest: &Digest) -> Option<u64> {
        fs::metadata(self.blob_path(digest)).ok().filter(fs::Metadata::is_file).map(|metadata| metadata.len())
    }

    /// Opens a blob; the reader fails at the end where the bytes are not those of the digest, and removes the blob: it
    /// is none, and whoever needs it makes or fetches it again.
    ///
    /// # Errors
    /// [`StoreError::MissingBlob`], [`StoreError::Path`].
    pub fn open_blob(&self, digest: &Digest) -> Result<BlobReader, StoreError> {
        let path = self.blob_path(digest);
        let file = match File::open(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(StoreError::MissingBlob(*digest)),
            other => other.at("open", &path)?,
        };
        let metadata = file.metadata().at("examine", &path)?;
        let (identity, size) = ((metadata.dev(), metadata.ino()), metadata.len());
        let inner = match self.checksum(digest, size) {
            Some(checksum) => Verifying::Checksum(ChecksumReader::new(file, checksum, *digest, size)),
            None => Verifying::Digest(VerifyingReader::new(file, *digest, size)),
        };
        Ok(BlobReader { inner, digest: *digest, path, identity, store: self.clone() })
    }

    /// Reads a blob of at most `limit` bytes and verifies it.
    ///
    /// # Errors
    /// [`StoreError::MissingBlob`], [`StoreError::TooLarge`], [`StoreError::Mismatch`].
    pub fn read_blob(&self, digest: &Digest, limit: u64) -> Result<Vec<u8>, StoreError> {
        if let Some(size) = self.size_of(digest).filter(|size| *size > limit) {
            return Err(StoreError::TooLarge { digest: *digest, size, limit });
        }
        let mut bytes = Vec::new();
        let mut reader = self.open_blob(digest)?;
        reader.read_to_end(&mut bytes).map_err(|source| StoreError::Mismatch { expected: *digest, source })?;
        Ok(bytes)
    }

    /// Writes a small blob.
    ///
    /// # Errors
    /// [`StoreError::Path`].
    pub fn write_blob(&self, bytes: &[u8]) -> Result<Digest, StoreError> {
        let digest = Digest::of(bytes);
        // Documents are small enough to see whether they are right.
        if self.has_whole_blob(&digest, bytes.len() as u64)
            && fs::read(self.blob_path(&digest)).is_ok_and(|found| found == bytes)
        {
            return Ok(digest);
        }
        let mut writer = self.blob_writer()?;
        let path = self.blob_path(&digest);
        writer.write_all(bytes).at("write", path)?;
        Ok(writer.finish()?.0)
    }

    /// Takes a blob from outside: it must have this digest and size, or nothing is kept.
    ///
    /// # Errors
    /// [`StoreError::Mismatch`] for other bytes and for errors of the reader, [`StoreError::Cancelled`].
    pub fn ingest(
        &self,
        expected: &Digest,
        size: u64,
        reader: &mut dyn Read,
        cancel: &CancelToken,
    ) -> Result<(), StoreError> {
        let mut writer = self.blob_writer()?;
        let mut verified = VerifyingReader::new(reader, *expected, size);
        let mut buffer = vec![0; BUFFER];
        loop {
            cancel.check()?;
            let mismatch = |source| StoreError::Mismatch { expected: *expected, source };
            let count = verified.read(&mut buffer).map_err(mismatch)?;
            if count == 0 {
                break;
            }
            writer.write_all(&buffer[..count]).at("write", self.blob_path(expected))?;
        }
        writer.finish_synced()?;
        Ok(())
    }

    /// Begins a blob whose digest is not known yet.
    ///
    /// # Errors
    /// [`StoreError::Path`].
    pub fn blob_writer(&self) -> Result<BlobWriter, StoreError> {
        let file = self.inner.work.file()?;
        let out = DigestWriter::new(BufWriter::with_capacity(BUFFER, file));
        Ok(BlobWriter { out, store: self.clone() })
    }
}

impl Store {
    /// Begins a blob whose digest somebody else computes while writing it.
    ///
    /// # Errors
    /// [`StoreError::Path`].
    pub(crate) fn plain_blob_writer(&self) -> Result<PlainBlobWriter, StoreError> {
        Ok(PlainBlobWriter { file: self.inner.work.file()?, hasher: Box::default(), store: self.clone() })
    }
}

/// A blob being written in large pieces, not hashed; dropped before [`PlainBlobWriter::finish_as`] it leaves nothing.
/// Pieces of nothing but zeros take no place on the disk.
#[derive(Debug)]
pub(crate) struct PlainBlobWriter {
    file: tempfile::NamedTempFile,
    hasher: Box<blake3::Hasher>,
    store: Store,
}

impl PlainBlobWriter {
    /// Puts the blob under the digest of all that was written. It is not forced to the disk: such blobs can be made
    /// again.
    pub(crate) fn finish_as(self, digest: &Digest) -> Result<(), StoreError> {
        let size = self.hasher.count();
        // Where the last piece was a hole.
        self.file.as_file().set_len(size).at("write", self.store.blob_path(digest))?;
        self.store.note_checksum(digest, &self.hasher.finalize(), size)?;
        persist(&self.store, BufWriter::with_capacity(0, self.file), digest, false)
    }
}

impl Write for PlainBlobWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let zeros = bytes.len() >= HOLE_BYTES && bytes.iter().all(|byte| *byte == 0);
        let count = if zeros {
            self.file.as_file_mut().seek_relative(bytes.len().try_into().unwrap_or(i64::MAX))?;
            bytes.len()
        } else {
            self.file.as_file_mut().write(bytes)?
        };
        self.hasher.update(&bytes[..count]);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A blob being read.
#[derive(Debug)]
pub struct BlobReader {
    inner: Verifying,
    digest: Digest,
    path: PathBuf,
    /// Which file was opened: another one by that name may be right.
    identity: (u64, u64),
    store: Store,
}

#[derive(Debug)]
enum Verifying {
    Digest(VerifyingReader<File>),
    Checksum(ChecksumReader),
}

impl BlobReader {
    /// Removes what turned out to be none of these bytes.
    fn remove(&self) -> Result<(), StoreError> {
        if fs::metadata(&self.path).is_ok_and(|found| (found.dev(), found.ino()) == self.identity) {
            fs::remove_file(&self.path).at("remove", &self.path)?;
        }
        self.store.forget_checksum(&self.digest)
    }
}

impl Read for BlobReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = match &mut self.inner {
            Verifying::Digest(reader) => reader.read(buffer),
            Verifying::Checksum(reader) => reader.read(buffer),
        };
        if let (Ok(0), Verifying::Checksum(reader)) = (&count, &self.inner)
            && let Some(right) = reader.correction()
        {
            // Where that fails, the next reader finds out as well.
            let _ = self.store.note_checksum(&self.digest, &right, reader.size());
        }
        count.map_err(|error| {
            let mismatch = error.get_ref().and_then(|inner| inner.downcast_ref::<ContentMismatch>());
            let Some(mismatch) = mismatch.cloned() else { return error };
            // Where that fails, the next reader finds out as well.
            let _ = self.remove();
            io::Error::new(error.kind(), DamagedBlob { digest: self.digest, mismatch })
        })
    }
}

/// A blob being written; dropped before [`BlobWriter::finish`] it leaves nothing.
#[derive(Debug)]
pub struct BlobWriter {
    out: DigestWriter<BufWriter<tempfile::NamedTempFile>>,
    store: Store,
}

impl BlobWriter {
    /// Ends the blob, puts it under its digest, and returns digest and size in bytes. It is not forced to the
    /// disk: such blobs can be made again.
    ///
    /// # Errors
    /// [`StoreError::Path`].
    pub fn finish(self) -> Result<(Digest, u64), StoreError> {
        self.end(false)
    }

    /// Does the same and forces the bytes to the disk first: for what came from outside.
    ///
    /// # Errors
    /// [`StoreError::Path`].
    pub fn finish_synced(self) -> Result<(Digest, u64), StoreError> {
        self.end(true)
    }

    /// Ends a blob from outside: it must have this digest and size, or nothing is kept. It is not forced to the disk: it
    /// can be fetched again, and where a loss of power took it that is found out (`durable`).
    ///
    /// # Errors
    /// [`StoreError::Mismatch`], [`StoreError::Path`].
    pub fn finish_as(self, expected: &Digest, size: u64) -> Result<(), StoreError> {
        let (buffered, found, length) = self.out.finish();
        if let Some(mismatch) = mismatch(expected, size, &found, length) {
            return Err(mismatch);
        }
        persist(&self.store, buffered, &found, false)
    }

    fn end(self, sync: bool) -> Result<(Digest, u64), StoreError> {
        let (buffered, digest, size) = self.out.finish();
        persist(&self.store, buffered, &digest, sync)?;
        Ok((digest, size))
    }
}

/// What is wrong with bytes that are not those that were expected.
pub(super) fn mismatch(expected: &Digest, size: u64, found: &Digest, length: u64) -> Option<StoreError> {
    let mismatch = match (length == size, found == expected) {
        (true, true) => return None,
        (true, false) => ContentMismatch::Digest { expected: *expected, found: *found },
        (false, _) => ContentMismatch::Size { expected: size, found: length },
    };
    let source = io::Error::new(io::ErrorKind::InvalidData, mismatch);
    Some(StoreError::Mismatch { expected: *expected, source })
}

/// Puts a finished file under its digest.
fn persist(
    store: &Store,
    buffered: BufWriter<tempfile::NamedTempFile>,
    digest: &Digest,
    sync: bool,
) -> Result<(), StoreError> {
    let path = store.blob_path(digest);
    let file = buffered.into_inner().map_err(io::IntoInnerError::into_error).at("write", &path)?;
    prepare(store, file.as_file(), digest, sync)?;
    publish(store, digest, |path| replace(file.into_temp_path(), path))
}

/// Makes a finished file ready to be a blob.
pub(super) fn prepare(store: &Store, file: &File, digest: &Digest, sync: bool) -> Result<(), StoreError> {
    let path = store.blob_path(digest);
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o644);
    file.set_permissions(mode).at("set the mode of", &path)?;
    if sync {
        file.sync_all().at("sync", &path)?;
    } else {
        super::durable::note_blob(&store.inner.metadata, digest)?;
    }
    Ok(())
}

/// Gives a file that is ready the name of its blob.
pub(super) fn publish(
    store: &Store,
    digest: &Digest,
    rename: impl FnOnce(&Path) -> io::Result<()>,
) -> Result<(), StoreError> {
    let path = store.blob_path(digest);
    let _gate = store.gate()?;
    store.retain(&[*digest])?;
    rename(&path).at("rename", &path)?;
    Ok(())
}

impl Write for BlobWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.out.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}
