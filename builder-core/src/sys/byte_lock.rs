//! Locks on single bytes of a file, held by an open file (`fcntl(2)`, "Open file description locks", since Linux 3.15).
//!
//! The byte need not be there. Unlike the older kind, these locks keep threads of one process apart too; like them they
//! end with the file, at the latest with the process.

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;

/// A byte that nobody else has locked.
#[derive(Debug)]
pub(crate) struct ByteLock {
    file: File,
    position: libc::off_t,
}

impl ByteLock {
    /// Locks a byte for this file, which is open for writing, unless another file has it.
    pub(crate) fn try_exclusive(file: File, position: libc::off_t) -> io::Result<Option<Self>> {
        match set(&file, position, libc::F_WRLCK) {
            Ok(()) => Ok(Some(Self { file, position })),
            Err(error) if matches!(error.raw_os_error(), Some(libc::EAGAIN | libc::EACCES)) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

impl Drop for ByteLock {
    fn drop(&mut self) {
        // A process that is just being started has the file too for a moment, so closing it is not enough. There is
        // nobody to tell of a failure; then the lock ends with that process's copy.
        let _ = set(&self.file, self.position, libc::F_UNLCK);
    }
}

fn set(file: &File, position: libc::off_t, kind: libc::c_int) -> io::Result<()> {
    // SAFETY: all zeros is a valid value of this structure of numbers.
    let mut lock: libc::flock = unsafe { std::mem::zeroed() };
    lock.l_type = libc::c_short::try_from(kind).unwrap_or_default();
    lock.l_whence = libc::c_short::try_from(libc::SEEK_SET).unwrap_or_default();
    lock.l_start = position;
    lock.l_len = 1;
    // SAFETY: the descriptor is open and the structure lives across the call.
    let answer = unsafe { libc::fcntl(file.as_raw_fd(), libc::F_OFD_SETLK, &raw const lock) };
    if answer == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_byte_belongs_to_one_open_file_at_a_time() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let open = || File::options().write(true).open(file.path()).unwrap();
        let far = libc::off_t::MAX - 1;
        let first = ByteLock::try_exclusive(open(), far).unwrap().unwrap();
        assert!(ByteLock::try_exclusive(open(), far).unwrap().is_none());
        assert!(ByteLock::try_exclusive(open(), 3).unwrap().is_some());
        // A copy of the descriptor, as a process that is just being started has it, does not keep the lock.
        let copy = first.file.try_clone().unwrap();
        drop(first);
        assert!(ByteLock::try_exclusive(open(), far).unwrap().is_some());
        drop(copy);
    }
}
