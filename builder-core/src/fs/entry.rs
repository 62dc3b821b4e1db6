//! One name in an open directory: look at it, take it away, give it owner, mode, times and attributes.
//!
//! Nothing here follows a symbolic link or takes more than one path component (see [`super::name`]), so none of it can
//! leave the directory it was given.

use std::ffi::{CStr, CString, OsStr, OsString};
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};

use rustix::fs::{AtFlags, Mode, OFlags, RawDir, Statx, StatxFlags, Timespec, Timestamps, XattrFlags};
use rustix::io::Errno;

use super::name::single_name;
use super::owner::give;

/// How deep a tree may be: every level holds a descriptor, and the usual limit on those is 1024.
pub const MAX_TREE_DEPTH: usize = 450;

/// The largest extended attribute the kernel stores (`XATTR_SIZE_MAX`).
const MAX_ATTRIBUTE_BYTES: usize = 64 * 1024;

/// How much of a directory is listed at once.
const LIST_BYTES: usize = 32 * 1024;

/// What a directory entry is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum FileKind {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// A symbolic link.
    Symlink,
    /// A named pipe.
    Fifo,
    /// A character device.
    CharDevice,
    /// A block device.
    BlockDevice,
    /// A socket.
    Socket,
}

/// A point in time: seconds since the epoch, nanoseconds.
pub type Time = (i64, u32);

/// What the system knows about an entry, itself and not what a link points to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Metadata {
    /// What it is.
    pub kind: FileKind,
    /// Permissions with setuid, setgid and sticky bits: 0 to 0o7777.
    pub mode: u32,
    /// The owner.
    pub uid: u32,
    /// The group.
    pub gid: u32,
    /// The size in bytes.
    pub size: u64,
    /// The last change of the content.
    pub mtime: Time,
    /// The last access.
    pub atime: Time,
    /// The last change of content or of anything else here but the last access; nobody can set it back.
    pub ctime: Time,
    /// Major and minor number of a device.
    pub device: (u32, u32),
    /// How many names the file has.
    pub links: u32,
    /// Device and inode number: the same for two names of one file.
    pub identity: (u64, u64),
}

impl Metadata {
    /// Tells whether this is the overlay filesystem's mark for a deleted file.
    pub fn is_whiteout(&self) -> bool {
        self.kind == FileKind::CharDevice && self.device == (0, 0)
    }

    /// Tells whether this is still the same file, and as it was in `before`. Two writes within one tick of the
    /// kernel's clock (4 ms or less) cannot be told apart where they leave the size alone.
    pub fn is_unchanged_since(&self, before: &Self) -> bool {
        let state = |metadata: &Self| {
            let Self { kind, mode, size, mtime, ctime, identity, .. } = *metadata;
            (kind, mode, size, mtime, ctime, identity)
        };
        state(self) == state(before)
    }

    fn from_statx(stat: &Statx) -> Self {
        let bits = u32::from(stat.stx_mode);
        let kind = match rustix::fs::FileType::from_raw_mode(bits) {
            rustix::fs::FileType::Directory => FileKind::Directory,
            rustix::fs::FileType::Symlink => FileKind::Symlink,
            rustix::fs::FileType::Fifo => FileKind::Fifo,
            rustix::fs::FileType::CharacterDevice => FileKind::CharDevice,
            rustix::fs::FileType::BlockDevice => FileKind::BlockDevice,
            rustix::fs::FileType::Socket => FileKind::Socket,
            _ => FileKind::File,
        };
        Self {
            kind,
            mode: bits & 0o7777,
            uid: stat.stx_uid,
            gid: stat.stx_gid,
            size: stat.stx_size,
            mtime: (stat.stx_mtime.tv_sec, stat.stx_mtime.tv_nsec),
            atime: (stat.stx_atime.tv_sec, stat.stx_atime.tv_nsec),
            ctime: (stat.stx_ctime.tv_sec, stat.stx_ctime.tv_nsec),
            device: (stat.stx_rdev_major, stat.stx_rdev_minor),
            links: stat.stx_nlink,
            identity: (u64::from(stat.stx_dev_major) << 32 | u64::from(stat.stx_dev_minor), stat.stx_ino),
        }
    }
}

/// Looks at what an open descriptor refers to.
///
/// # Errors
/// What the system answers.
pub fn metadata_of(fd: impl AsFd) -> io::Result<Metadata> {
    let stat = rustix::fs::statx(fd, "", AtFlags::EMPTY_PATH | AtFlags::STATX_DONT_SYNC, StatxFlags::BASIC_STATS)?;
    Ok(Metadata::from_statx(&stat))
}

/// Looks at a name in a directory without following it; `None` where there is none.
///
/// # Errors
/// What the system answers, other than that the name does not exist.
pub fn metadata_at(directory: impl AsFd, name: &OsStr) -> io::Result<Option<Metadata>> {
    let flags = AtFlags::SYMLINK_NOFOLLOW | AtFlags::STATX_DONT_SYNC;
    match rustix::fs::statx(directory, single_name(name)?, flags, StatxFlags::BASIC_STATS) {
        Ok(stat) => Ok(Some(Metadata::from_statx(&stat))),
        Err(Errno::NOENT) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Opens a directory by its name in another; a symbolic link is an error.
///
/// # Errors
/// What the system answers.
pub fn open_directory_at(directory: impl AsFd, name: &OsStr) -> io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    Ok(rustix::fs::openat(directory, single_name(name)?, flags, Mode::empty())?)
}

/// Opens a regular file for reading by its name in a directory; anything else is an error, and nothing
/// blocks, whatever somebody puts in the file's place meanwhile.
///
/// # Errors
/// What the system answers; `InvalidInput` where it is no regular file.
pub fn open_file_at(directory: impl AsFd, name: &OsStr) -> io::Result<(OwnedFd, Metadata)> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let file = rustix::fs::openat(directory, single_name(name)?, flags, Mode::empty())?;
    let metadata = metadata_of(&file)?;
    if metadata.kind == FileKind::File { Ok((file, metadata)) } else { Err(not_regular()) }
}

pub(crate) fn not_regular() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, "not a regular file")
}

/// Returns the names in an open directory, sorted by their bytes, without `.` and `..`.
///
/// # Errors
/// What the system answers.
pub fn names(directory: impl AsFd) -> io::Result<Vec<OsString>> {
    // Wherever this descriptor is in the list, another one begins at the beginning.
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    names_of_opened(rustix::fs::openat(directory, c".", flags, Mode::empty())?)
}

/// Does the same for a directory that was just opened, and leaves it where nothing more is listed.
///
/// # Errors
/// What the system answers.
pub fn names_of_opened(directory: impl AsFd) -> io::Result<Vec<OsString>> {
    let mut found = Vec::new();
    let mut buffer = Vec::with_capacity(LIST_BYTES);
    let mut entries = RawDir::new(directory, buffer.spare_capacity_mut());
    while let Some(entry) = entries.next() {
        let entry = entry?;
        let name = entry.file_name().to_bytes();
        if name != b"." && name != b".." {
            found.push(OsString::from_vec(name.to_vec()));
        }
    }
    found.sort_unstable();
    Ok(found)
}

/// Removes a name that is no directory's.
///
/// # Errors
/// What the system answers.
pub fn remove_at(directory: impl AsFd, name: &OsStr) -> io::Result<()> {
    Ok(rustix::fs::unlinkat(directory, single_name(name)?, AtFlags::empty())?)
}

/// Removes a name and, if it is a directory, all that is below it. A name that does not exist is fine.
///
/// # Errors
/// What the system answers.
pub fn remove_all_at(directory: impl AsFd, name: &OsStr) -> io::Result<()> {
    remove_below(&directory.as_fd().try_clone_to_owned()?, name, 0)
}

fn remove_below(directory: &OwnedFd, name: &OsStr, depth: usize) -> io::Result<()> {
    match rustix::fs::unlinkat(directory, single_name(name)?, AtFlags::empty()) {
        Ok(()) | Err(Errno::NOENT) => return Ok(()),
        Err(Errno::ISDIR) => {}
        Err(error) => return Err(error.into()),
    }
    if depth > MAX_TREE_DEPTH {
        return Err(Errno::NAMETOOLONG.into());
    }
    let inner = open_directory_at(directory, name)?;
    for child in names(&inner)? {
        remove_below(&inner, &child, depth + 1)?;
    }
    rustix::fs::unlinkat(directory, name, AtFlags::REMOVEDIR)?;
    Ok(())
}

/// Sets access and change time of what a descriptor opened for reading or writing refers to.
///
/// # Errors
/// What the system answers.
pub fn set_times(fd: impl AsFd, atime: Time, mtime: Time) -> io::Result<()> {
    Ok(rustix::fs::futimens(fd, &timestamps(atime, mtime))?)
}

/// Sets access and change time of an open file or directory to the present.
///
/// # Errors
/// What the system answers.
pub fn touch(fd: impl AsFd) -> io::Result<()> {
    let now = Timespec { tv_sec: 0, tv_nsec: rustix::fs::UTIME_NOW };
    Ok(rustix::fs::futimens(fd, &Timestamps { last_access: now, last_modification: now })?)
}

/// Sets access and change time of a name in a directory without following it.
///
/// # Errors
/// What the system answers.
pub fn set_times_at(directory: impl AsFd, name: &OsStr, atime: Time, mtime: Time) -> io::Result<()> {
    Ok(rustix::fs::utimensat(directory, single_name(name)?, &timestamps(atime, mtime), AtFlags::SYMLINK_NOFOLLOW)?)
}

fn timestamps(atime: Time, mtime: Time) -> Timestamps {
    let of = |(seconds, nanoseconds): Time| Timespec { tv_sec: seconds, tv_nsec: nanoseconds.into() };
    Timestamps { last_access: of(atime), last_modification: of(mtime) }
}

/// Sets owner, attributes and mode of an open file or directory, in the one order that keeps all three:
/// a change of owner clears setuid and capabilities, and a mode may forbid setting attributes.
///
/// # Errors
/// What the system answers about owner and mode, or [`super::owner::OwnerError`]; attributes are best effort.
pub fn set_attributes(fd: impl AsFd, owner: (u32, u32), mode: u32, xattrs: &Xattrs) -> io::Result<()> {
    give(owner, |uid, gid| rustix::fs::fchown(&fd, uid, gid))?;
    xattrs.apply(&fd);
    rustix::fs::fchmod(&fd, Mode::from_raw_mode(mode))?;
    Ok(())
}

/// Sets the owner of a name in a directory without following it.
///
/// # Errors
/// What the system answers, or [`super::owner::OwnerError`].
pub fn set_owner_at(directory: impl AsFd, name: &OsStr, owner: (u32, u32)) -> io::Result<()> {
    let name = single_name(name)?;
    give(owner, |uid, gid| rustix::fs::chownat(&directory, name, uid, gid, AtFlags::SYMLINK_NOFOLLOW))
}

/// Sets the mode of a name in a directory. A link would be followed: this is for what was just made.
///
/// # Errors
/// What the system answers.
pub fn set_mode_at(directory: impl AsFd, name: &OsStr, mode: u32) -> io::Result<()> {
    Ok(rustix::fs::chmodat(directory, single_name(name)?, Mode::from_raw_mode(mode), AtFlags::empty())?)
}

/// Sets owner, attributes and (but for links, which have none) mode of something that cannot be opened.
///
/// # Errors
/// What the system answers about owner and mode; attributes are best effort.
pub fn set_attributes_at(
    directory: impl AsFd,
    name: &OsStr,
    owner: (u32, u32),
    mode: Option<u32>,
    xattrs: &Xattrs,
) -> io::Result<()> {
    set_owner_at(&directory, name, owner)?;
    if mode.is_none() && xattrs.is_empty() {
        return Ok(());
    }
    let reference = open_reference_at(&directory, name)?;
    xattrs.apply_to_reference(&reference);
    if let Some(mode) = mode {
        rustix::fs::chmod(reference_path(&reference), Mode::from_raw_mode(mode))?;
    }
    Ok(())
}

/// Opens a name in a directory only to refer to it: nothing is followed and no driver is asked.
///
/// # Errors
/// What the system answers.
pub fn open_reference_at(directory: impl AsFd, name: &OsStr) -> io::Result<OwnedFd> {
    let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    Ok(rustix::fs::openat(directory, single_name(name)?, flags, Mode::empty())?)
}

/// The path by which calls without a descriptor form reach what `reference` refers to, be it a link.
pub(crate) fn reference_path(reference: impl AsFd) -> String {
    format!("/proc/self/fd/{}", reference.as_fd().as_raw_fd())
}

/// Extended attributes that may travel with a file, sorted by name.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Xattrs(Vec<(CString, Vec<u8>)>);

impl Xattrs {
    /// Reads the attributes of an open file or directory. An attribute that cannot be read is left out,
    /// as is everything on a filesystem that has none.
    pub fn of_file(fd: impl AsFd) -> Self {
        let fd = fd.as_fd();
        Self::collect(|list| rustix::fs::flistxattr(fd, list), |name, value| rustix::fs::fgetxattr(fd, name, value))
    }

    /// Reads the attributes of what a reference (see [`open_reference_at`]) refers to, itself.
    pub fn of_reference(reference: impl AsFd) -> Self {
        let path = reference_path(reference);
        Self::collect(
            |list| rustix::fs::listxattr(path.as_str(), list),
            |name, value| rustix::fs::getxattr(path.as_str(), name, value),
        )
    }

    /// Makes a set of attributes out of names and values, without those that must not travel.
    pub fn from_pairs(pairs: impl IntoIterator<Item = (CString, Vec<u8>)>) -> Self {
        let mut kept: Vec<_> = pairs.into_iter().filter(|(name, _)| travels(name)).collect();
        kept.sort_unstable();
        kept.dedup_by(|later, earlier| later.0 == earlier.0);
        Self(kept)
    }

    /// Returns names and values, sorted by name.
    pub fn iter(&self) -> impl Iterator<Item = (&CStr, &[u8])> {
        self.0.iter().map(|(name, value)| (name.as_c_str(), value.as_slice()))
    }

    /// Returns how many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Tells whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Gives the attributes to an open file or directory. What the filesystem refuses is left out: COPY
    /// promises attributes as a best effort only.
    pub fn apply(&self, fd: impl AsFd) {
        for (name, value) in self.iter() {
            let _refused = rustix::fs::fsetxattr(&fd, name, value, XattrFlags::empty());
        }
    }

    /// Gives the attributes to what a reference refers to, itself; best effort like [`Xattrs::apply`].
    pub fn apply_to_reference(&self, reference: impl AsFd) {
        if self.is_empty() {
            return;
        }
        let path = reference_path(reference);
        for (name, value) in self.iter() {
            let _refused = rustix::fs::setxattr(path.as_str(), name, value, XattrFlags::empty());
        }
    }

    fn collect(
        list: impl Fn(&mut [u8]) -> rustix::io::Result<usize>,
        get: impl Fn(&CStr, &mut [u8]) -> rustix::io::Result<usize>,
    ) -> Self {
        // Nearly no file has attributes; the small buffer answers that in one call.
        let (mut small, mut large) = ([0; 256], Vec::new());
        let listed = match list(&mut small) {
            Ok(length) => small.get(..length),
            Err(Errno::RANGE) => {
                large.resize(MAX_ATTRIBUTE_BYTES, 0);
                list(&mut large).ok().and_then(|length| large.get(..length))
            }
            Err(_) => None,
        };
        let listed = listed.unwrap_or_default();
        let mut pairs = Vec::new();
        for name in listed.split(|byte| *byte == 0).filter(|name| !name.is_empty()) {
            let Ok(name) = CString::new(name) else { continue };
            if !travels(&name) {
                continue;
            }
            let mut value = vec![0; MAX_ATTRIBUTE_BYTES];
            if let Ok(length) = get(&name, &mut value) {
                value.truncate(length);
                pairs.push((name, value));
            }
        }
        Self::from_pairs(pairs)
    }
}

/// Tells whether an attribute is part of a file's content: labels of this machine's security module,
/// access control lists of its users and the overlay filesystem's own marks are not.
pub fn travels(name: &CStr) -> bool {
    let name = name.to_bytes();
    let prefixes: [&[u8]; 3] = [b"system.", b"trusted.overlay.", b"user.overlay."];
    name != b"security.selinux" && !prefixes.iter().any(|prefix| name.starts_with(prefix))
}

/// Returns where a symbolic link points, by its name in a directory.
///
/// # Errors
/// What the system answers.
pub fn read_link_at(directory: impl AsFd, name: &OsStr) -> io::Result<OsString> {
    read_link(directory, single_name(name)?)
}

/// Returns where the symbolic link points that a reference (see [`open_reference_at`]) refers to.
///
/// # Errors
/// What the system answers.
pub fn read_link_of(reference: impl AsFd) -> io::Result<OsString> {
    read_link(reference, OsStr::new(""))
}

fn read_link(directory: impl AsFd, name: &OsStr) -> io::Result<OsString> {
    let target = rustix::fs::readlinkat(directory, OsStr::from_bytes(name.as_bytes()), Vec::new())?;
    Ok(OsString::from_vec(target.into_bytes()))
}
