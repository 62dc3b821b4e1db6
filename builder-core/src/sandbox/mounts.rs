//! What the parent prepares before the clone: detached mounts and the files in them.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use rustix::fs::{Mode, OFlags};

use super::{SandboxError, devices};
use crate::fs::{PathContext, PathError};
use crate::sys::mount::{self, Depth, TmpfsOptions};
use crate::sys::setup_op::Slot;

/// Something for a slot that the parent makes.
#[derive(Debug)]
pub(super) enum Preparation {
    /// A clone of one file of the host.
    HostFile(&'static str),
    /// A read-only clone of a tree of the host with all mounts in it.
    HostTreeReadOnly(&'static str),
    /// A clone of a tree of the host with all mounts in it.
    HostTree(&'static str),
    /// A tmpfs with files in it.
    Tmpfs { size_bytes: u64, entries: Vec<Entry> },
    /// A tmpfs with files in it and all devices of the host.
    Devices { size_bytes: u64, entries: Vec<Entry> },
}

/// Something in a prepared tmpfs. Parents come before what is in them.
#[derive(PartialEq, Eq)]
pub(super) struct Entry {
    /// Relative to the root of the tmpfs.
    pub(super) path: String,
    pub(super) content: EntryContent,
}

/// What an entry is.
#[derive(PartialEq, Eq)]
pub(super) enum EntryContent {
    Directory,
    Link(&'static str),
    File { content: Vec<u8>, mode: u32 },
}

impl std::fmt::Debug for Entry {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.content {
            EntryContent::Directory => write!(formatter, "{}/", self.path),
            EntryContent::Link(target) => write!(formatter, "{} -> {target}", self.path),
            EntryContent::File { content, mode } => {
                write!(formatter, "{} {mode:04o} {:?}", self.path, String::from_utf8_lossy(content))
            }
        }
    }
}

/// Makes what the plan asks for.
pub(super) fn prepare(plan: &[(Slot, Preparation)]) -> Result<Vec<(Slot, OwnedFd)>, SandboxError> {
    plan.iter().map(|(slot, preparation)| Ok((*slot, make(preparation)?))).collect()
}

fn make(preparation: &Preparation) -> Result<OwnedFd, SandboxError> {
    match preparation {
        Preparation::HostFile(path) => Ok(mount::clone_tree(Path::new(path), Depth::Single)?),
        Preparation::HostTreeReadOnly(path) => {
            let tree = mount::clone_tree(Path::new(path), Depth::Recursive)?;
            mount::make_read_only(tree.as_fd(), Depth::Recursive)?;
            Ok(tree)
        }
        Preparation::HostTree(path) => Ok(mount::clone_tree(Path::new(path), Depth::Recursive)?),
        Preparation::Tmpfs { size_bytes, entries } => tmpfs(*size_bytes, entries, false),
        Preparation::Devices { size_bytes, entries } => {
            let tmpfs = tmpfs(*size_bytes, entries, true)?;
            devices::repeat(tmpfs.as_fd())?;
            Ok(tmpfs)
        }
    }
}

fn tmpfs(size_bytes: u64, entries: &[Entry], devices: bool) -> Result<OwnedFd, SandboxError> {
    let options = TmpfsOptions { size_bytes: Some(size_bytes), mode: 0o755, executable: true, devices };
    let tmpfs = mount::tmpfs(&options)?;
    for entry in entries {
        create(tmpfs.as_fd(), entry)?;
    }
    Ok(tmpfs)
}

fn create(tmpfs: BorrowedFd<'_>, entry: &Entry) -> Result<(), PathError> {
    let path = entry.path.as_str();
    match &entry.content {
        EntryContent::Directory => {
            rustix::fs::mkdirat(tmpfs, path, Mode::from_raw_mode(0o755)).at("create directory", path)?;
            // The umask of the program around us is not the sandbox's.
            rustix::fs::chmodat(tmpfs, path, Mode::from_raw_mode(0o755), rustix::fs::AtFlags::empty())
                .at("change mode of", path)
        }
        EntryContent::Link(target) => rustix::fs::symlinkat(*target, tmpfs, path).at("create link", path),
        EntryContent::File { content, mode } => {
            let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            let fd = rustix::fs::openat(tmpfs, path, flags, Mode::from_raw_mode(0o600)).at("create", path)?;
            rustix::fs::fchmod(&fd, Mode::from_raw_mode(*mode)).at("change mode of", path)?;
            std::io::Write::write_all(&mut std::fs::File::from(fd), content).at("write", path)
        }
    }
}
