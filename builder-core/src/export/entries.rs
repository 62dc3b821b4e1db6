//! The entries of an archive, one after the other.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{Read, Write};

use super::ExportError;
use super::archive::{Layout, Place, place};
use crate::cancel::CancelToken;
use crate::digest::Digest;
use crate::fs::{Counted, PathContext};
use crate::image::Content;
use crate::layer::copy_ahead;
use crate::snapshot::Snapshots;

/// Entries begin at multiples of this many bytes (POSIX pax, ustar interchange format).
pub(super) const RECORD_BYTES: usize = 512;
const ZEROS: [u8; 2 * RECORD_BYTES] = [0; 2 * RECORD_BYTES];

/// Writes entries.
pub(super) struct Entries<'o> {
    out: &'o mut (dyn Write + Send),
    /// Seconds since 1970.
    time: u64,
    /// The blobs that have an entry.
    written: BTreeSet<Digest>,
}

impl<'o> Entries<'o> {
    /// Begins with the directories.
    pub(super) fn begin(out: &'o mut (dyn Write + Send), time: i64) -> Result<Self, ExportError> {
        let mut entries = Self { out, time: u64::try_from(time).unwrap_or(0), written: BTreeSet::new() };
        for directory in ["blobs/", "blobs/sha256/"] {
            let mut header = tar::Header::new_ustar();
            header.set_entry_type(tar::EntryType::Directory);
            header.set_mode(0o755);
            let header = entries.named(header, directory, 0)?;
            entries.write(header.as_bytes())?;
        }
        Ok(entries)
    }

    /// The header of a file.
    pub(super) fn header(&self, name: &str, size: u64) -> Result<tar::Header, ExportError> {
        let mut header = tar::Header::new_ustar();
        header.set_entry_type(tar::EntryType::Regular);
        header.set_mode(0o644);
        self.named(header, name, size)
    }

    fn named(&self, mut header: tar::Header, name: &str, size: u64) -> Result<tar::Header, ExportError> {
        header.set_size(size);
        header.set_mtime(self.time);
        header.set_path(name).map_err(ExportError::Write)?;
        header.set_cksum();
        Ok(header)
    }

    /// Where the bytes of entries go.
    pub(super) fn out(&mut self) -> &mut (dyn Write + Send) {
        self.out
    }

    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<(), ExportError> {
        self.out.write_all(bytes).map_err(ExportError::Write)
    }

    /// Fills up to the place of the next entry.
    pub(super) fn pad(&mut self, size: u64) -> Result<(), ExportError> {
        let used = usize::try_from(size % RECORD_BYTES as u64).unwrap_or(0);
        self.write(&ZEROS[..(RECORD_BYTES - used) % RECORD_BYTES])
    }

    /// Notes that a blob has an entry, and tells whether it had none.
    pub(super) fn note(&mut self, digest: &Digest) -> bool {
        self.written.insert(*digest)
    }

    fn file(&mut self, name: &str, bytes: &[u8]) -> Result<(), ExportError> {
        let size = bytes.len() as u64;
        let header = self.header(name, size)?;
        self.write(header.as_bytes())?;
        self.write(bytes)?;
        self.pad(size)
    }

    /// Writes a blob, unless it has an entry.
    pub(super) fn blob(
        &mut self,
        snapshots: &Snapshots,
        (digest, content): (&Digest, &Content),
        progress: &(dyn Fn(&Digest, u64, u64) + Sync),
        cancel: &CancelToken,
    ) -> Result<(), ExportError> {
        cancel.check()?;
        if !self.note(digest) {
            return Ok(());
        }
        let name = blob_name(digest);
        let (mut data, size): (Box<dyn Read + Send>, u64) = match place(snapshots, digest, content, cancel)? {
            Place::Bytes(bytes) => return self.file(&name, bytes),
            Place::File(path, size) => (Box::new(File::open(&path).at("open", path)?.take(size)), size),
            Place::Stored(blob, size) => (blob, size),
        };
        let header = self.header(&name, size)?;
        self.write(header.as_bytes())?;
        let tell = |count| progress(digest, count, size);
        let mut out = Counted::new(&mut *self.out, &tell);
        copy_ahead(&mut data, ExportError::Write, |piece| {
            cancel.check()?;
            out.write_all(piece).map_err(ExportError::Write)
        })?;
        out.flush().map_err(ExportError::Write)?;
        self.pad(size)
    }

    /// Writes what has no entry yet.
    pub(super) fn rest(
        &mut self,
        snapshots: &Snapshots,
        layout: &Layout<'_>,
        progress: &(dyn Fn(&Digest, u64, u64) + Sync),
        cancel: &CancelToken,
    ) -> Result<(), ExportError> {
        for (digest, content) in &layout.blobs {
            self.blob(snapshots, (digest, content), progress, cancel)?;
        }
        layout.documents.iter().try_for_each(|(name, bytes)| self.file(name, bytes))
    }

    /// Ends the archive.
    pub(super) fn finish(mut self) -> Result<(), ExportError> {
        self.write(&ZEROS)
    }
}

/// What a blob is called in a layout.
pub(super) fn blob_name(digest: &Digest) -> String {
    format!("blobs/sha256/{}", digest.hex())
}
