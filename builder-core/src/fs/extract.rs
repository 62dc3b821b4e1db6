//! A plain tar stream into a directory inside an untrusted root. The stream is as little trusted: nothing
//! it says reaches outside of the root, and what it can use up is limited.
//!
//! This is for archives of files (`ADD`, contexts on standard input), not for image layers: names that begin
//! with `.wh.` are ordinary here.

use std::cell::Cell;
use std::ffi::{CString, OsStr, OsString};
use std::io::{self, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use rustix::fs::{AtFlags, Mode, OFlags};
use tar::EntryType;

use super::entry::{self, FileKind, Time, Xattrs};
use super::root::{Follow, NewDirectory, RootDir};
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

/// Header and extension records of one entry together: names are at most 4 KiB and attributes 64 KiB each.
const MAX_HEADER_BYTES: u64 = 1024 * 1024;

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
    let budget = Rc::new(Cell::new(MAX_HEADER_BYTES));
    let mut archive = tar::Archive::new(Budgeted { inner: stream, left: Rc::clone(&budget) });
    let mut extractor =
        Extractor { root, options, cancel, parent: None, times: Vec::new(), outcome: Extracted::default() };
    let (_, created) = root.make_dirs(options.directory, extractor.new_directory())?;
    extractor.outcome.created = created;
    let mut entries = archive.entries().map_err(ExtractError::Malformed)?;
    loop {
        cancel.check()?;
        // The tar reader keeps extension records in memory, so between two entries only so much may be read.
        budget.set(MAX_HEADER_BYTES);
        let Some(entry) = entries.next() else { break };
        let mut entry = entry.map_err(ExtractError::Malformed)?;
        budget.set(u64::MAX);
        extractor.outcome.entries += 1;
        if extractor.outcome.entries > options.limits.entries {
            return Err(ExtractError::TooManyEntries { limit: options.limits.entries });
        }
        extractor.entry(&mut entry)?;
        io::copy(&mut entry, &mut io::sink()).map_err(ExtractError::Malformed)?;
    }
    extractor.finish()
}

/// Ends with an error once more was read than is allowed at this point.
struct Budgeted<'a> {
    inner: &'a mut dyn Read,
    left: Rc<Cell<u64>>,
}

impl Read for Budgeted<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.left.get()).unwrap_or(usize::MAX);
        if left == 0 && !buffer.is_empty() {
            let message = format!("the header of an entry is larger than {MAX_HEADER_BYTES} bytes");
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, message));
        }
        let length = buffer.len().min(left);
        let count = match buffer.get_mut(..length) {
            Some(part) => self.inner.read(part)?,
            None => 0,
        };
        if self.left.get() != u64::MAX {
            self.left.set(self.left.get().saturating_sub(count as u64));
        }
        Ok(count)
    }
}

type Entry<'a, 'b> = tar::Entry<'a, Budgeted<'b>>;

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
        NewDirectory { mode: 0o755, owner: Some(self.options.owner.unwrap_or((0, 0))), mtime }
    }

    fn entry(&mut self, entry: &mut Entry<'_, '_>) -> Result<(), ExtractError> {
        let kind = entry.header().entry_type();
        if matches!(kind, EntryType::XGlobalHeader | EntryType::XHeader) {
            return Ok(());
        }
        let name = PathBuf::from(OsStr::from_bytes(&entry.path_bytes()));
        let relative = inside(&name)?;
        // The destination directory itself keeps what it has.
        let Some(file_name) = relative.file_name().map(OsStr::to_owned) else { return Ok(()) };
        let target = self.options.directory.join(&relative);
        let (place, directory) = self.open_parent(target.parent().unwrap_or(Path::new("")))?;
        let shown = place.join(&file_name);
        if kind == EntryType::Link {
            return self.hardlink(entry, &name, &directory, &file_name, &shown);
        }
        let inode = self.inode(entry, &name)?;
        let existing = entry::metadata_at(&directory, &file_name).at("look at", &shown)?;
        let is_directory = |kind| kind == FileKind::Directory;
        let merge = kind == EntryType::Directory && existing.is_some_and(|found| is_directory(found.kind));
        if existing.is_some() && !merge {
            self.remove(&directory, &file_name, &shown)?;
        }
        match kind {
            EntryType::Directory => {
                if !merge {
                    rustix::fs::mkdirat(&directory, &file_name, Mode::from_raw_mode(0o700))
                        .at("create directory", &shown)?;
                }
                let made = entry::open_directory_at(&directory, &file_name).at("open directory", &shown)?;
                entry::set_attributes(&made, inode.owner, inode.mode, &inode.xattrs).at("set attributes of", &shown)?;
                self.times.push((shown, inode.mtime));
                Ok(())
            }
            EntryType::Symlink => {
                let link = entry.link_name_bytes().unwrap_or_default().into_owned();
                rustix::fs::symlinkat(OsStr::from_bytes(&link), &directory, &file_name).at("create link", &shown)?;
                Self::finish_special(&directory, &file_name, &shown, &inode, None)
            }
            EntryType::Regular | EntryType::Continuous | EntryType::GNUSparse => {
                self.file(entry, &directory, &file_name, &shown, &inode)
            }
            EntryType::Fifo | EntryType::Char | EntryType::Block => {
                self.special(entry, &directory, &file_name, &shown, &inode)
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

    fn inode(&self, entry: &mut Entry<'_, '_>, name: &Path) -> Result<Inode, ExtractError> {
        let header = entry.header();
        let old = header.as_old();
        let mode = number(header.mode().map(u64::from), &old.mode).map_err(ExtractError::Malformed)? & 0o7777;
        let mode = u32::try_from(mode).unwrap_or_default();
        let mut uid = number(header.uid(), &old.uid).map_err(ExtractError::Malformed)?;
        let mut gid = number(header.gid(), &old.gid).map_err(ExtractError::Malformed)?;
        let seconds = number(header.mtime(), &old.mtime).map_err(ExtractError::Malformed)?;
        // A base-256 field may hold a time before the epoch, in two's complement.
        let mut mtime = (seconds.cast_signed(), 0);
        let mut xattrs = Vec::new();
        if let Some(extensions) = entry.pax_extensions().map_err(ExtractError::Malformed)? {
            for extension in extensions {
                let extension = extension.map_err(ExtractError::Malformed)?;
                let (Ok(key), value) = (extension.key(), extension.value_bytes()) else { continue };
                let text = std::str::from_utf8(value).unwrap_or_default();
                match key {
                    "uid" => uid = text.parse().unwrap_or(u64::MAX),
                    "gid" => gid = text.parse().unwrap_or(u64::MAX),
                    "mtime" => mtime = pax_time(text).unwrap_or(mtime),
                    _ => {
                        if let Some(name) = key.strip_prefix("SCHILY.xattr.").and_then(|name| CString::new(name).ok()) {
                            xattrs.push((name, value.to_vec()));
                        }
                    }
                }
            }
        }
        let owner = match (self.options.owner, u32::try_from(uid), u32::try_from(gid)) {
            (Some(owner), ..) => owner,
            // The highest number means "leave it" to chown.
            (None, Ok(uid), Ok(gid)) if uid != u32::MAX && gid != u32::MAX => (uid, gid),
            _ => return Err(ExtractError::OwnerOutOfRange { path: name.to_owned() }),
        };
        Ok(Inode { owner, mode, mtime, xattrs: Xattrs::from_pairs(xattrs) })
    }

    fn file(
        &mut self,
        entry: &mut Entry<'_, '_>,
        directory: impl AsFd,
        name: &OsStr,
        shown: &Path,
        inode: &Inode,
    ) -> Result<(), ExtractError> {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let made = rustix::fs::openat(directory, name, flags, Mode::from_raw_mode(0o600)).at("create", shown)?;
        let mut made = std::fs::File::from(made);
        loop {
            self.cancel.check()?;
            let allowed = self.options.limits.bytes - self.outcome.bytes;
            // One more than allowed, so that a file which goes too far is told from one that just fits.
            let mut part = entry.by_ref().take(CHUNK_BYTES.min(allowed.saturating_add(1)));
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
        entry: &mut Entry<'_, '_>,
        directory: impl AsFd,
        name: &OsStr,
        shown: &Path,
        inode: &Inode,
    ) -> Result<(), ExtractError> {
        let header = entry.header();
        let number = |value: io::Result<Option<u32>>| value.map(Option::unwrap_or_default);
        let major = number(header.device_major()).map_err(ExtractError::Malformed)?;
        let minor = number(header.device_minor()).map_err(ExtractError::Malformed)?;
        let (kind, device) = match header.entry_type() {
            EntryType::Fifo => (FileKind::Fifo, (0, 0)),
            EntryType::Block => (FileKind::BlockDevice, (major, minor)),
            _ => (FileKind::CharDevice, (major, minor)),
        };
        match entry::create_special_at(&directory, name, kind, device) {
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
        entry: &mut Entry<'_, '_>,
        name: &Path,
        directory: &OwnedFd,
        file_name: &OsStr,
        shown: &Path,
    ) -> Result<(), ExtractError> {
        let link = PathBuf::from(OsStr::from_bytes(&entry.link_name_bytes().unwrap_or_default()));
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
        Ok(rustix::fs::linkat(&from, &target_name, directory, file_name, AtFlags::empty()).at("link", shown)?)
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

/// Reads `seconds[.fraction]`, possibly negative.
fn pax_time(text: &str) -> Option<Time> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let seconds: i64 = whole.parse().ok()?;
    let digits: String = fraction.chars().chain("000000000".chars()).take(9).collect();
    let nanoseconds: u32 = digits.parse().ok()?;
    if whole.starts_with('-') && nanoseconds > 0 {
        // The fraction of a negative number points the other way.
        return Some((seconds.checked_sub(1)?, 1_000_000_000 - nanoseconds));
    }
    Some((seconds, nanoseconds))
}

/// A number of a tar header; some writers leave a field empty that is 0.
pub(crate) fn number(read: io::Result<u64>, field: &[u8]) -> io::Result<u64> {
    if field.iter().all(|byte| matches!(byte, 0 | b' ')) { Ok(0) } else { read }
}

#[cfg(test)]
mod tests;
