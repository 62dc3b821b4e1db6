//! A plain tar stream into a directory inside an untrusted root. The stream is as little trusted: nothing
//! it says reaches outside of the root, and what it can use up is limited.
//!
//! This is for archives of files (`ADD`, contexts on standard input), not for image layers: names that begin
//! with `.wh.` are ordinary here.

use std::ffi::{OsStr, OsString};
use std::io::{self, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;
use tar::EntryType;

use super::create;
use super::entry::{self, FileKind, Time, Xattrs};
use super::root::{Follow, Inherit, NewDirectory, RootDir};
use super::tar_stream::{TarEntry, TarStream};
use super::{PathContext, PathError};
use crate::cancel::{CancelToken, Cancelled};

/// Limits on what a stream may use up.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ExtractLimits {
    /// Entries: each costs an inode.
    pub entries: u64,
    /// Bytes of all files together, holes counted as data.
    pub bytes: u64,
}

impl Default for ExtractLimits {
    /// Ten times the largest images known: four million files, 256 GiB.
    fn default() -> Self {
        Self { entries: 4_000_000, bytes: 256 << 30 }
    }
}

/// How much is copied between two looks at the cancellation token.
const CHUNK_BYTES: u64 = 1024 * 1024;

/// Where a stream goes and what is changed on the way.
#[derive(Clone, Copy, Debug)]
pub struct ExtractOptions<'a> {
    /// The directory inside the root; made where it is missing.
    pub directory: &'a Path,
    /// The owner of everything; without, entries keep theirs and new parents are 0:0.
    pub owner: Option<(u32, u32)>,
    /// The time of directories that the stream needs but does not hold; now without.
    pub created_mtime: Option<i64>,
    /// The limits.
    pub limits: ExtractLimits,
}

/// What was unpacked.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Extracted {
    /// Entries.
    pub entries: u64,
    /// Bytes of files.
    pub bytes: u64,
    /// The newest time of an entry, seconds since 1970.
    pub newest: Option<i64>,
    /// Directories that were made though the stream does not hold them.
    pub created: Vec<PathBuf>,
    /// Devices that a user namespace is not allowed to make: left out, as other builders do.
    pub skipped_devices: Vec<PathBuf>,
}

/// A stream cannot be unpacked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExtractError {
    /// The stream is not a tar, ends early, or its headers are larger than allowed.
    #[error("the archive is malformed")]
    Malformed(#[source] io::Error),
    /// An entry would be outside of the directory.
    #[error("archive entry `{}` leads out of the destination", path.display())]
    Escapes {
        /// The name in the archive.
        path: PathBuf,
    },
    /// An entry is of a kind that has no meaning in a file system.
    #[error("archive entry `{}` is of the unknown kind {kind}", path.display())]
    UnknownKind {
        /// The name in the archive.
        path: PathBuf,
        /// The type byte.
        kind: u8,
    },
    /// The owner of an entry is no valid number.
    #[error("archive entry `{}` has an owner out of range", path.display())]
    OwnerOutOfRange {
        /// The name in the archive.
        path: PathBuf,
    },
    /// There are more entries than allowed.
    #[error("the archive has more than {limit} entries")]
    TooManyEntries {
        /// The limit.
        limit: u64,
    },
    /// There is more data than allowed.
    #[error("the archive holds more than {limit} bytes")]
    TooLarge {
        /// The limit.
        limit: u64,
    },
    /// The system refused something.
    #[error(transparent)]
    Path(#[from] PathError),
    /// The build was cancelled.
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
}

/// Unpacks a plain tar stream into a directory inside `root`. Directories are merged with those that exist;
/// everything else replaces what is in its place.
///
/// Spec: dockerfile-semantics 5.6.8.
///
/// # Errors
/// [`ExtractError`] for the first entry that cannot be unpacked; those before it stay.
pub fn extract(
    root: &RootDir,
    stream: &mut dyn Read,
    options: &ExtractOptions<'_>,
    cancel: &CancelToken,
) -> Result<Extracted, ExtractError> {
    let mut archive = TarStream::new(stream);
    let mut extractor =
        Extractor { root, options, cancel, parent: None, times: Vec::new(), outcome: Extracted::default() };
    let (_, created) = root.make_dirs(options.directory, extractor.new_directory())?;
    extractor.outcome.created = created;
    loop {
        cancel.check()?;
        let Some(entry) = archive.next().map_err(ExtractError::Malformed)? else { break };
        extractor.outcome.entries += 1;
        extractor.outcome.newest = extractor.outcome.newest.max(Some(entry.mtime.0));
        if extractor.outcome.entries > options.limits.entries {
            return Err(ExtractError::TooManyEntries { limit: options.limits.entries });
        }
        extractor.entry(entry, &mut archive)?;
    }
    extractor.finish()
}

/// What the headers of an entry say about its inode.
struct Inode {
    owner: (u32, u32),
    mode: u32,
    mtime: Time,
    xattrs: Xattrs,
}

struct Extractor<'a> {
    root: &'a RootDir,
    options: &'a ExtractOptions<'a>,
    cancel: &'a CancelToken,
    /// The directory of the last entry: most entries come right after another one of the same directory.
    parent: Option<(PathBuf, PathBuf, OwnedFd)>,
    /// Directories whose time is set when nothing is put into them any more.
    times: Vec<(PathBuf, Time)>,
    outcome: Extracted,
}

impl Extractor<'_> {
    fn new_directory(&self) -> NewDirectory {
        let mtime = self.options.created_mtime.map(|seconds| (seconds, 0));
        NewDirectory {
            mode: 0o755,
            owner: Some(self.options.owner.unwrap_or((0, 0))),
            mtime,
            inherit: Inherit::Nothing,
        }
    }

    fn entry(&mut self, entry: TarEntry, content: &mut dyn Read) -> Result<(), ExtractError> {
        let kind = entry.kind;
        let name = PathBuf::from(OsStr::from_bytes(&entry.path));
        let relative = inside(&name)?;
        // The destination directory itself keeps what it has.
        let Some(file_name) = relative.file_name().map(OsStr::to_owned) else { return Ok(()) };
        let target = self.options.directory.join(&relative);
        let (place, directory) = self.open_parent(target.parent().unwrap_or(Path::new("")))?;
        let shown = place.join(&file_name);
        if kind == EntryType::Link {
            return self.hardlink(&entry.link, &name, &directory, &file_name, &shown);
        }
        let (link, device) = (entry.link, entry.device);
        let inode = Inode {
            owner: self.owner(entry.owner, &name)?,
            mode: entry.mode,
            mtime: entry.mtime,
            xattrs: Xattrs::from_pairs(entry.xattrs),
        };
        let existing = entry::metadata_at(&directory, &file_name).at("look at", &shown)?;
        let is_directory = |kind| kind == FileKind::Directory;
        let merge = kind == EntryType::Directory && existing.is_some_and(|found| is_directory(found.kind));
        if existing.is_some() && !merge {
            self.remove(&directory, &file_name, &shown)?;
        }
        match kind {
            EntryType::Directory => {
                if !merge {
                    create::create_directory_at(&directory, &file_name).at("create directory", &shown)?;
                }
                let made = entry::open_directory_at(&directory, &file_name).at("open directory", &shown)?;
                entry::set_attributes(&made, inode.owner, inode.mode, &inode.xattrs).at("set attributes of", &shown)?;
                self.times.push((shown, inode.mtime));
                Ok(())
            }
            EntryType::Symlink => {
                let target = OsStr::from_bytes(&link);
                create::create_symlink_at(target, &directory, &file_name).at("create link", &shown)?;
                Self::finish_special(&directory, &file_name, &shown, &inode, None)
            }
            EntryType::Regular | EntryType::Continuous | EntryType::GNUSparse => {
                self.file(content, &directory, &file_name, &shown, &inode)
            }
            EntryType::Fifo | EntryType::Char | EntryType::Block => {
                self.special((kind, device), &directory, &file_name, &shown, &inode)
            }
            other => Err(ExtractError::UnknownKind { path: name, kind: other.as_byte() }),
        }
    }

    fn open_parent(&mut self, path: &Path) -> Result<(PathBuf, OwnedFd), ExtractError> {
        if let Some((known, place, fd)) = &self.parent
            && known == path
        {
            return Ok((place.clone(), fd.try_clone().at("duplicate descriptor of", path)?));
        }
        let (place, created) = self.root.make_dirs(path, self.new_directory())?;
        self.outcome.created.extend(created);
        let fd = self.root.open_resolved(&place, OFlags::RDONLY | OFlags::DIRECTORY).at("open directory", path)?;
        let clone = fd.try_clone().at("duplicate descriptor of", path)?;
        self.parent = Some((path.to_owned(), place.clone(), fd));
        Ok((place, clone))
    }

    fn remove(&mut self, directory: impl AsFd, name: &OsStr, shown: &Path) -> Result<(), ExtractError> {
        // What goes away may have been part of the path to the remembered directory.
        self.parent = None;
        Ok(entry::remove_all_at(directory, name).at("remove", shown)?)
    }

    fn owner(&self, (uid, gid): (u64, u64), name: &Path) -> Result<(u32, u32), ExtractError> {
        match (self.options.owner, u32::try_from(uid), u32::try_from(gid)) {
            (Some(owner), ..) => Ok(owner),
            // The highest number means "leave it" to chown.
            (None, Ok(uid), Ok(gid)) if uid != u32::MAX && gid != u32::MAX => Ok((uid, gid)),
            _ => Err(ExtractError::OwnerOutOfRange { path: name.to_owned() }),
        }
    }

    fn file(
        &mut self,
        content: &mut dyn Read,
        directory: impl AsFd,
        name: &OsStr,
        shown: &Path,
        inode: &Inode,
    ) -> Result<(), ExtractError> {
        let mut made = create::create_file_at(directory, name).at("create", shown)?;
        loop {
            self.cancel.check()?;
            let allowed = self.options.limits.bytes - self.outcome.bytes;
            // One more than allowed, so that a file which goes too far is told from one that just fits.
            let mut part = (&mut *content).take(CHUNK_BYTES.min(allowed.saturating_add(1)));
            let count = io::copy(&mut part, &mut made).at("write", shown)?;
            if count > allowed {
                return Err(ExtractError::TooLarge { limit: self.options.limits.bytes });
            }
            if count == 0 {
                break;
            }
            self.outcome.bytes += count;
        }
        entry::set_attributes(&made, inode.owner, inode.mode, &inode.xattrs).at("set attributes of", shown)?;
        Ok(entry::set_times(&made, inode.mtime, inode.mtime).at("set times of", shown)?)
    }

    fn special(
        &mut self,
        (kind, device): (EntryType, (u32, u32)),
        directory: impl AsFd,
        name: &OsStr,
        shown: &Path,
        inode: &Inode,
    ) -> Result<(), ExtractError> {
        let (kind, device) = match kind {
            EntryType::Fifo => (FileKind::Fifo, (0, 0)),
            EntryType::Block => (FileKind::BlockDevice, device),
            _ => (FileKind::CharDevice, device),
        };
        match create::create_special_at(&directory, name, kind, device) {
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied && kind != FileKind::Fifo => {
                self.outcome.skipped_devices.push(shown.to_owned());
                return Ok(());
            }
            other => other.at("create device", shown)?,
        }
        Self::finish_special(directory, name, shown, inode, Some(inode.mode))
    }

    /// Gives owner, attributes, mode and time to something that cannot be opened.
    fn finish_special(
        directory: impl AsFd,
        name: &OsStr,
        shown: &Path,
        inode: &Inode,
        mode: Option<u32>,
    ) -> Result<(), ExtractError> {
        entry::set_attributes_at(&directory, name, inode.owner, mode, &inode.xattrs).at("set attributes of", shown)?;
        Ok(entry::set_times_at(&directory, name, inode.mtime, inode.mtime).at("set times of", shown)?)
    }

    fn hardlink(
        &mut self,
        link: &[u8],
        name: &Path,
        directory: &OwnedFd,
        file_name: &OsStr,
        shown: &Path,
    ) -> Result<(), ExtractError> {
        let link = PathBuf::from(OsStr::from_bytes(link));
        let target = self.options.directory.join(inside(&link)?);
        let escapes = || ExtractError::Escapes { path: name.to_owned() };
        let target_name: OsString = target.file_name().ok_or_else(escapes)?.to_owned();
        let parent = self.root.resolve(target.parent().unwrap_or(Path::new("")), Follow::Yes)?.path;
        let from = self
            .root
            .open_resolved(&parent, OFlags::RDONLY | OFlags::DIRECTORY)
            .at("open directory", target.parent().unwrap_or(&target))?;
        let identity = |found: Option<entry::Metadata>| found.map(|metadata| metadata.identity);
        let existing = identity(entry::metadata_at(directory, file_name).at("look at", shown)?);
        let linked = identity(entry::metadata_at(&from, &target_name).at("look at", &target)?);
        if existing.is_some() && existing == linked {
            return Ok(());
        }
        if existing.is_some() {
            self.remove(directory, file_name, shown)?;
        }
        Ok(create::create_link_at(&from, &target_name, directory, file_name).at("link", shown)?)
    }

    fn finish(self) -> Result<Extracted, ExtractError> {
        if let Some(seconds) = self.options.created_mtime {
            for path in self.outcome.created.iter().rev() {
                self.set_time(path, (seconds, 0))?;
            }
        }
        for (path, time) in self.times.iter().rev() {
            self.set_time(path, *time)?;
        }
        Ok(self.outcome)
    }

    fn set_time(&self, path: &Path, time: Time) -> Result<(), ExtractError> {
        match self.root.set_directory_times(path, time, time) {
            // A later entry may have put something else there.
            Err(error)
                if super::root::is_missing(&error)
                    || error.raw_os_error() == Some(rustix::io::Errno::LOOP.raw_os_error()) =>
            {
                Ok(())
            }
            other => Ok(other.at("set times of", path)?),
        }
    }
}

/// Makes a name relative to the destination; one that climbs out of it is an error.
fn inside(name: &Path) -> Result<PathBuf, ExtractError> {
    let mut components: Vec<&OsStr> = Vec::new();
    for component in name.as_os_str().as_bytes().split(|byte| *byte == b'/') {
        match component {
            b"" | b"." => {}
            b".." => _ = components.pop().ok_or_else(|| ExtractError::Escapes { path: name.to_owned() })?,
            other => components.push(OsStr::from_bytes(other)),
        }
    }
    Ok(components.into_iter().collect())
}

#[cfg(test)]
mod tests;
