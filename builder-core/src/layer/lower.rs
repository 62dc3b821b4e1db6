//! What a layer lies on, directory by directory.
//!
//! Times count in whole seconds: a layer's archive has no others, so it must not matter whether the filesystem below
//! was made here or unpacked.

use std::collections::BTreeMap;
use std::ffi::CStr;
use std::fs::File;
use std::io::Read;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use rustix::fs::{AtFlags, FileType, Mode, OFlags, Stat};
use rustix::io::Errno;

use super::LayerError;
use super::graft::Attributes;
use super::xattrs::xattrs;
use crate::fs::{PathContext, PathError};

/// Bytes of a file that are compared at once.
const COMPARED_AT_ONCE: usize = 64 * 1024;

/// One directory of the filesystem below, or nothing where there is no such directory.
#[derive(Debug, Default)]
pub(super) struct Lower(Option<OwnedFd>);

/// A file below that has the mode, owner, time and size of one of the layer.
pub(super) struct Candidate(File);

impl Lower {
    /// No directory.
    pub(super) const NOTHING: Self = Self(None);

    pub(super) fn new(root: Option<OwnedFd>) -> Self {
        Self(root)
    }

    /// Tells whether there is something to compare with.
    pub(super) fn may_have(&self) -> bool {
        self.0.is_some()
    }

    /// Returns the directory of a name.
    pub(super) fn directory(&self, name: &CStr, path: &Path) -> Result<Self, PathError> {
        self.open(name, OFlags::DIRECTORY, path).map(Self)
    }

    /// Tells whether this is a directory, and has these attributes, whatever its time.
    pub(super) fn is_directory_with(
        &self,
        attributes: &Attributes,
        own: &BTreeMap<Vec<u8>, Vec<u8>>,
        path: &Path,
    ) -> Result<bool, PathError> {
        let Some(directory) = &self.0 else { return Ok(false) };
        let stat = rustix::fs::fstat(directory).at("examine", path)?;
        Ok(is_like(&stat, attributes) && capabilities(directory, path)? == *own)
    }

    /// Returns the file of a name where it has these attributes.
    pub(super) fn file_with(
        &self,
        name: &CStr,
        attributes: &Attributes,
        path: &Path,
    ) -> Result<Option<Candidate>, PathError> {
        let is_same = |stat: &Stat| {
            FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile
                && u64::try_from(stat.st_size).ok() == Some(attributes.size)
        };
        if !self.look_at(name, attributes, path)?.is_some_and(|stat| is_same(&stat)) {
            return Ok(None);
        }
        Ok(self.open(name, OFlags::NONBLOCK, path)?.map(|file| Candidate(File::from(file))))
    }

    /// Tells whether a name is that of a link with these attributes that leads there.
    pub(super) fn is_link(
        &self,
        name: &CStr,
        attributes: &Attributes,
        target: &[u8],
        path: &Path,
    ) -> Result<bool, LayerError> {
        let (Some(directory), Some(stat)) = (&self.0, self.look_at(name, attributes, path)?) else { return Ok(false) };
        if FileType::from_raw_mode(stat.st_mode) != FileType::Symlink {
            return Ok(false);
        }
        let existing = rustix::fs::readlinkat(directory, name, Vec::new()).at("read the link", path)?;
        Ok(existing.as_bytes() == target)
    }

    /// Examines a name; nothing where there is none, or with another mode, owner or time.
    fn look_at(&self, name: &CStr, attributes: &Attributes, path: &Path) -> Result<Option<Stat>, PathError> {
        let Some(directory) = &self.0 else { return Ok(None) };
        match rustix::fs::statat(directory, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => Ok(Some(stat).filter(|stat| is_like(stat, attributes) && stat.st_mtime == attributes.mtime)),
            Err(Errno::NOENT) => Ok(None),
            Err(error) => Err(error).at("examine", path),
        }
    }

    fn open(&self, name: &CStr, flags: OFlags, path: &Path) -> Result<Option<OwnedFd>, PathError> {
        let Some(directory) = &self.0 else { return Ok(None) };
        let flags = flags | OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        match rustix::fs::openat(directory, name, flags, Mode::empty()) {
            Ok(opened) => Ok(Some(opened)),
            // Not there, something else, or not for this user to read: then the layer has its own.
            Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP | Errno::ACCESS | Errno::PERM) => Ok(None),
            Err(error) => Err(error).at("open", path),
        }
    }
}

impl Candidate {
    /// Tells whether the file has these capabilities and this content.
    pub(super) fn equals(
        mut self,
        own: &BTreeMap<Vec<u8>, Vec<u8>>,
        content: &mut dyn Read,
        path: &Path,
    ) -> Result<bool, PathError> {
        Ok(capabilities(&self.0, path)? == *own && have_same_bytes(&mut self.0, content).at("compare", path)?)
    }
}

fn is_like(stat: &Stat, attributes: &Attributes) -> bool {
    (stat.st_mode & 0o7777, stat.st_uid, stat.st_gid) == (attributes.mode, attributes.uid, attributes.gid)
}

/// Those attributes of a file that a layer has.
fn capabilities(file: impl AsFd, path: &Path) -> Result<BTreeMap<Vec<u8>, Vec<u8>>, PathError> {
    let mut found = xattrs(file.as_fd()).at("read the attributes of", path)?;
    found.retain(|name, _| name == b"security.capability");
    Ok(found)
}

fn have_same_bytes(one: &mut dyn Read, other: &mut dyn Read) -> std::io::Result<bool> {
    let (mut left, mut right) = (Vec::new(), Vec::new());
    loop {
        left.clear();
        right.clear();
        one.take(COMPARED_AT_ONCE as u64).read_to_end(&mut left)?;
        other.take(COMPARED_AT_ONCE as u64).read_to_end(&mut right)?;
        if left != right {
            return Ok(false);
        }
        if left.is_empty() {
            return Ok(true);
        }
    }
}
