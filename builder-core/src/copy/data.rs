//! The bytes of a file into another: shared where the filesystem can, copied by the kernel where it can.

use std::fs::File;
use std::io::{self, Read, Write};
use std::ops::Range;
use std::os::unix::fs::FileExt;

use rustix::fs::SeekFrom;
use rustix::io::Errno;

use crate::cancel::{CancelToken, Cancelled};

/// How much is copied between two looks at the cancellation token.
const CHUNK_BYTES: usize = 16 * 1024 * 1024;

/// Up to here a read and a write are cheaper than asking the kernel for anything better.
const SMALL_BYTES: u64 = 128 * 1024;

/// Why bytes could not be copied.
#[derive(Debug)]
pub(super) enum DataError {
    Read(io::Error),
    Write(io::Error),
    Cancelled(Cancelled),
}

/// Copies files of one tree into another, and remembers what the two filesystems cannot do.
#[derive(Debug)]
pub(super) struct DataCopier {
    reflink: bool,
    in_kernel: bool,
    buffer: Vec<u8>,
}

impl DataCopier {
    pub(super) fn new() -> Self {
        Self { reflink: true, in_kernel: true, buffer: Vec::new() }
    }

    fn make_buffer(&mut self) {
        self.buffer.resize(usize::try_from(SMALL_BYTES).unwrap_or(4096), 0);
    }

    /// Copies from the start of `from` to its end, however long it is meanwhile. Returns the bytes copied.
    pub(super) fn copy(
        &mut self,
        from: &mut File,
        to: &mut File,
        size: u64,
        cancel: &CancelToken,
    ) -> Result<u64, DataError> {
        if size > SMALL_BYTES {
            if self.reflink {
                match rustix::fs::ioctl_ficlone(&*to, &*from) {
                    Ok(()) => return Ok(size),
                    // Every filesystem has another way to say that it cannot; the next way says what is wrong.
                    Err(_) => self.reflink = false,
                }
            }
            if let Some(copied) = self.copy_with_holes(from, to, size, cancel)? {
                return Ok(copied);
            }
            if self.in_kernel
                && let Some(copied) = self.copy_in_kernel(from, to, cancel)?
            {
                return Ok(copied);
            }
        }
        self.copy_through_buffer(from, to, cancel)
    }

    /// Copies the parts of a file that are there; nothing where all of it is, or the filesystem does not tell.
    fn copy_with_holes(
        &mut self,
        from: &File,
        to: &File,
        size: u64,
        cancel: &CancelToken,
    ) -> Result<Option<u64>, DataError> {
        let seek = |to: SeekFrom| rustix::fs::seek(from, to);
        let dense = seek(SeekFrom::Hole(0)).map_or(true, |hole| hole >= size);
        if dense {
            seek(SeekFrom::Start(0)).map_err(|error| DataError::Read(error.into()))?;
            return Ok(None);
        }
        let (mut at, end) = (0, seek(SeekFrom::End(0)).map_err(|error| DataError::Read(error.into()))?);
        while at < end {
            let (begin, hole) = match seek(SeekFrom::Data(at)) {
                Ok(begin) => (begin, seek(SeekFrom::Hole(begin)).map_err(|error| DataError::Read(error.into()))?),
                // Nothing but a hole up to the end.
                Err(Errno::NXIO) => break,
                Err(error) => return Err(DataError::Read(error.into())),
            };
            self.copy_part(from, to, begin..hole, cancel)?;
            at = hole;
        }
        to.set_len(end).map_err(DataError::Write)?;
        Ok(Some(end))
    }

    fn copy_part(&mut self, from: &File, to: &File, part: Range<u64>, cancel: &CancelToken) -> Result<(), DataError> {
        self.make_buffer();
        let mut at = part.start;
        while at < part.end {
            cancel.check().map_err(DataError::Cancelled)?;
            let length = usize::try_from(part.end - at).unwrap_or(usize::MAX).min(self.buffer.len());
            let buffer = self.buffer.get_mut(..length).unwrap_or_default();
            let count = match from.read_at(buffer, at) {
                Ok(0) => break,
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(DataError::Read(error)),
            };
            to.write_all_at(buffer.get(..count).unwrap_or_default(), at).map_err(DataError::Write)?;
            at += count as u64;
        }
        Ok(())
    }

    /// Returns nothing where the kernel cannot copy between the two, and then has not copied anything.
    fn copy_in_kernel(&mut self, from: &File, to: &File, cancel: &CancelToken) -> Result<Option<u64>, DataError> {
        let mut copied = 0;
        loop {
            cancel.check().map_err(DataError::Cancelled)?;
            match rustix::fs::copy_file_range(from, None, to, None, CHUNK_BYTES) {
                // Files that are made up by the kernel seem to be empty here.
                Ok(0) if copied == 0 => return Ok(None),
                Ok(0) => return Ok(Some(copied)),
                Ok(count) => copied += count as u64,
                Err(Errno::INTR) => {}
                Err(Errno::XDEV | Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP | Errno::PERM | Errno::IO)
                    if copied == 0 =>
                {
                    self.in_kernel = false;
                    return Ok(None);
                }
                Err(error) => return Err(DataError::Write(error.into())),
            }
        }
    }

    fn copy_through_buffer(&mut self, from: &mut File, to: &mut File, cancel: &CancelToken) -> Result<u64, DataError> {
        self.make_buffer();
        let mut copied = 0;
        loop {
            cancel.check().map_err(DataError::Cancelled)?;
            let count = match from.read(&mut self.buffer) {
                Ok(0) => return Ok(copied),
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(DataError::Read(error)),
            };
            to.write_all(self.buffer.get(..count).unwrap_or_default()).map_err(DataError::Write)?;
            copied += count as u64;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Seek;

    use super::*;

    #[test]
    fn small_and_large_files_arrive_whole() {
        for size in [0, 1, SMALL_BYTES - 1, SMALL_BYTES, SMALL_BYTES + 1, 3 * SMALL_BYTES + 7] {
            for kernel in [true, false] {
                let bytes: Vec<u8> = (0..size).map(|at| (at % 251) as u8).collect();
                let (mut from, mut to) = (tempfile::tempfile().unwrap(), tempfile::tempfile().unwrap());
                from.write_all(&bytes).unwrap();
                from.rewind().unwrap();
                let mut copier = DataCopier { reflink: kernel, in_kernel: kernel, ..DataCopier::new() };
                assert_eq!(copier.copy(&mut from, &mut to, size, &CancelToken::new()).unwrap(), size);
                let mut found = Vec::new();
                to.rewind().unwrap();
                to.read_to_end(&mut found).unwrap();
                assert!(found == bytes, "{size}");
            }
        }
    }

    #[test]
    fn a_cancelled_copy_stops() {
        let cancel = CancelToken::new();
        cancel.cancel();
        let (mut from, mut to) = (tempfile::tempfile().unwrap(), tempfile::tempfile().unwrap());
        from.set_len(10).unwrap();
        let outcome = DataCopier::new().copy(&mut from, &mut to, 10, &cancel);
        assert!(matches!(outcome, Err(DataError::Cancelled(_))));
    }
}
