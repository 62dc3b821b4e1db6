//! How much of the disk trees take: what `stat(2)` says, each file once however many names it has.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use rustix::fs::{AtFlags, FileType, Mode, OFlags};
use rustix::io::Errno;

use crate::fs::PathContext;
use crate::fs::entry::{MAX_TREE_DEPTH, names, open_directory_at};
use crate::store::StoreError;

/// `st_blocks` counts these, whatever the file system's own blocks are (inode(7)).
const BLOCK_BYTES: u64 = 512;

/// What one tree takes.
#[derive(Clone, Debug, Default)]
pub(super) struct Tree {
    /// Bytes of files that have no name outside of the tree's own directories, as far as one name says that.
    alone: u64,
    /// Files with several names: bytes, number of names, names in this tree.
    linked: BTreeMap<(u64, u64), Linked>,
}

#[derive(Clone, Copy, Debug)]
struct Linked {
    bytes: u64,
    names: u64,
    here: u64,
}

impl Tree {
    /// Looks at a file or a directory with all that is in it; one that is gone takes nothing.
    pub(super) fn of(path: &Path) -> Result<Self, StoreError> {
        let mut tree = Self::default();
        match tree.look(rustix::fs::CWD, path.as_os_str(), 0) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Self::default()),
            outcome => Ok(outcome.map(|()| tree).at("measure", path)?),
        }
    }

    fn look(&mut self, directory: impl AsFd, name: &std::ffi::OsStr, depth: usize) -> io::Result<()> {
        let stat = rustix::fs::statat(&directory, name, AtFlags::SYMLINK_NOFOLLOW)?;
        let bytes = u64::try_from(stat.st_blocks).unwrap_or(0) * BLOCK_BYTES;
        let is_directory = FileType::from_raw_mode(stat.st_mode) == FileType::Directory;
        #[allow(
            clippy::useless_conversion,
            clippy::unnecessary_fallible_conversions,
            reason = "types differ by machine"
        )]
        let links = u64::try_from(stat.st_nlink).unwrap_or(1);
        if is_directory || links <= 1 {
            self.alone += bytes;
        } else {
            let found = self.linked.entry((stat.st_dev, stat.st_ino));
            found.or_insert(Linked { bytes, names: links, here: 0 }).here += 1;
        }
        if !is_directory {
            return Ok(());
        }
        if depth > MAX_TREE_DEPTH {
            return Err(Errno::NAMETOOLONG.into());
        }
        let inner = self.open(&directory, name, depth)?;
        for child in names(&inner)? {
            match self.look(&inner, &child, depth + 1) {
                // Somebody is working in it: a cache mount.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                outcome => outcome?,
            }
        }
        Ok(())
    }

    #[expect(clippy::unused_self, reason = "reads better")]
    fn open(&self, directory: impl AsFd, name: &std::ffi::OsStr, depth: usize) -> io::Result<OwnedFd> {
        if depth > 0 {
            return open_directory_at(directory, name);
        }
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        Ok(rustix::fs::openat(directory, name, flags, Mode::empty())?)
    }

    /// Returns all that the tree takes, each file once.
    pub(super) fn bytes(&self) -> u64 {
        self.alone + self.linked.values().map(|file| file.bytes).sum::<u64>()
    }

    /// Returns what goes when the tree goes and everything that it shares files with stays.
    pub(super) fn bytes_of_its_own(&self) -> u64 {
        let own = self.linked.values().filter(|file| file.here >= file.names);
        self.alone + own.map(|file| file.bytes).sum::<u64>()
    }
}

/// Gives each file to one of several trees.
#[derive(Debug, Default)]
pub(super) struct Shares {
    /// Names seen so far of files that have several.
    seen: HashMap<(u64, u64), u64>,
}

impl Shares {
    /// Returns what goes when this tree goes after those that were asked about before: files of which it has the
    /// last names.
    #[expect(clippy::iter_over_hash_type, reason = "a sum has no order")]
    pub(super) fn next(&mut self, tree: &Tree) -> u64 {
        let mut bytes = tree.alone;
        for (file, linked) in &tree.linked {
            let seen = self.seen.entry(*file).or_insert(0);
            *seen += linked.here;
            if *seen >= linked.names {
                bytes += linked.bytes;
            }
        }
        bytes
    }
}
