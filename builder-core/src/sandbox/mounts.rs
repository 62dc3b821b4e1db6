//! What the parent prepares before the clone: detached mounts and the files in them.

use std::ffi::OsStr;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use rustix::fs::{Mode, OFlags};

use super::{SandboxError, devices};
use crate::fs::root::RootDir;
use crate::fs::{PathContext, PathError, create, entry};
use crate::sys::mount::{self, Depth, TmpfsOptions};
use crate::sys::setup_op::Slot;

/// Something for a slot that the parent makes.
#[derive(Debug)]
pub(super) enum Preparation {
    /// A clone of one file of the host.
    HostFile { path: &'static str, read_only: bool },
    /// A read-only clone of a tree of the host with all mounts in it.
    HostTreeReadOnly(&'static str),
    /// A clone of a tree of the host with all mounts in it.
    HostTree(&'static str),
    /// A tmpfs with files in it.
    Tmpfs { size_bytes: u64, entries: Vec<Entry>, devices: bool },
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
    File {
        content: Vec<u8>,
        mode: u32,
    },
    /// A character device: its major and minor number.
    Device {
        number: (u32, u32),
        mode: u32,
    },
}

impl std::fmt::Debug for Entry {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.content {
            EntryContent::Directory => write!(formatter, "{}/", self.path),
            EntryContent::Link(target) => write!(formatter, "{} -> {target}", self.path),
            EntryContent::Device { number: (major, minor), mode } => {
                write!(formatter, "{} {mode:04o} device {major}:{minor}", self.path)
            }
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
        Preparation::HostFile { path, read_only } => {
            let node = mount::clone_tree(Path::new(path), Depth::Single)?;
            if *read_only {
                mount::make_read_only(node.as_fd(), Depth::Single)?;
            }
            Ok(node)
        }
        Preparation::HostTreeReadOnly(path) => {
            let tree = mount::clone_tree(Path::new(path), Depth::Recursive)?;
            mount::make_read_only(tree.as_fd(), Depth::Recursive)?;
            Ok(tree)
        }
        Preparation::HostTree(path) => Ok(mount::clone_tree(Path::new(path), Depth::Recursive)?),
        Preparation::Tmpfs { size_bytes, entries, devices } => tmpfs(*size_bytes, entries, *devices),
        Preparation::Devices { size_bytes, entries } => {
            let tmpfs = tmpfs(*size_bytes, entries, true)?;
            devices::repeat(tmpfs.as_fd())?;
            Ok(tmpfs)
        }
    }
}

/// Tells whether device nodes can be made and work: neither capabilities nor control groups forbid it.
pub(super) fn can_make_nodes() -> bool {
    let null = Entry { path: "null".to_owned(), content: EntryContent::Device { number: (1, 3), mode: 0o666 } };
    let Ok(place) = tmpfs(64 * 1024, &[null], true) else { return false };
    rustix::fs::openat(&place, "null", OFlags::RDWR | OFlags::CLOEXEC, Mode::empty()).is_ok()
}

fn tmpfs(size_bytes: u64, entries: &[Entry], devices: bool) -> Result<OwnedFd, SandboxError> {
    let options = TmpfsOptions { size_bytes: Some(size_bytes), mode: 0o755, executable: true, devices };
    let tmpfs = RootDir::from_fd(mount::tmpfs(&options)?);
    for entry in entries {
        create(&tmpfs, entry)?;
    }
    Ok(tmpfs.into_fd())
}

/// Makes one entry. Its directory is opened without following links: those that stand in the same file system lead to
/// what this process has.
fn create(tmpfs: &RootDir, entry: &Entry) -> Result<(), PathError> {
    let path = Path::new(&entry.path);
    let name = path.file_name().unwrap_or_default();
    let parent = path.parent().unwrap_or(Path::new(""));
    let directory = tmpfs.open_resolved(parent, OFlags::PATH | OFlags::DIRECTORY).at("open directory", parent)?;
    match &entry.content {
        EntryContent::Directory => {
            create::create_directory_at(&directory, name).at("create directory", path)?;
            // The umask of the program around us is not the sandbox's.
            entry::set_mode_at(&directory, name, 0o755).at("change mode of", path)
        }
        EntryContent::Link(target) => {
            create::create_symlink_at(OsStr::new(target), &directory, name).at("create link", path)
        }
        EntryContent::Device { number, mode } => {
            let kind = entry::FileKind::CharDevice;
            create::create_special_at(&directory, name, kind, *number).at("create device", path)?;
            entry::set_mode_at(&directory, name, *mode).at("change mode of", path)
        }
        EntryContent::File { content, mode } => {
            let mut file = create::create_file_at(&directory, name).at("create", path)?;
            rustix::fs::fchmod(&file, Mode::from_raw_mode(*mode)).at("change mode of", path)?;
            std::io::Write::write_all(&mut file, content).at("write", path)
        }
    }
}
