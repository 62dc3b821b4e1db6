//! From a layer's tar to files, on a root filesystem that shows the layers below.
//!
//! The archive is hostile until proven otherwise. Every path is resolved by the kernel inside the root
//! (`openat2` with `RESOLVE_IN_ROOT`), so that a link of this layer or of one below leads where it would lead
//! in a container, and never out. The destination is an overlay mount: removing a path that a lower layer has
//! makes the whiteout that the layer directory needs, and a parent that the archive does not mention keeps the
//! metadata it has below.

use std::collections::HashSet;
use std::ffi::{CString, OsStr, OsString};
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Component, Path, PathBuf};

use rustix::fs::OFlags;
use rustix::io::Errno;
use tar::EntryType;

use super::left_out::{Device, LeftOut, MAX_DEVICES};
use super::{ContentId, LayerError, LayerSummary, OPAQUE_WHITEOUT, WHITEOUT_PREFIX};
use crate::cancel::CancelToken;
use crate::digest::Digester;
use crate::fs::create;
use crate::fs::entry::{self, FileKind, Time, Xattrs};
use crate::fs::root::{Inherit, NewDirectory, RootDir};
use crate::fs::tar_stream::{TarEntry, TarStream};
use crate::fs::{PathContext, PathError};

/// The most entries of one layer: some ten times what the largest images have.
const MAX_ENTRIES: u64 = 10_000_000;
/// The most bytes of one layer's tar: 1 TiB bounds a stream that never ends.
const MAX_BYTES: u64 = 1 << 40;
/// The longest path of an entry, in bytes; the kernel's own limit.
const MAX_PATH: usize = 4096;

/// Unpacks the plain tar `reader` into `root` and computes the layer's diff ID on the way.
///
/// Device nodes that this process may not make (rootless) are left out, and so is the character device 0:0, which
/// overlayfs takes for a whiteout; the layer's blob still has them.
///
/// # Errors
/// [`LayerError::Read`] for a broken archive, [`LayerError::Escape`] for entries without a path inside the root,
/// [`LayerError::Limit`], [`LayerError::MissingLinkTarget`], [`LayerError::Path`], [`LayerError::Cancelled`].
pub fn unpack(reader: &mut dyn Read, root: &RootDir, cancel: &CancelToken) -> Result<LayerSummary, LayerError> {
    unpack_noting(reader, root, cancel).map(|(layer, _)| layer)
}

/// Does the same, and says which device nodes were left out.
///
/// # Errors
/// As [`unpack`].
pub(crate) fn unpack_noting(
    reader: &mut dyn Read,
    root: &RootDir,
    cancel: &CancelToken,
) -> Result<(LayerSummary, LeftOut), LayerError> {
    let mut stream = DigestReader { inner: reader, digester: Digester::new() };
    let mut unpacker = Unpacker {
        root,
        made: HashSet::new(),
        directories: Vec::new(),
        left_out: LeftOut::default(),
        devices: 0,
        entries: 0,
        last: None,
    };
    {
        let mut archive = TarStream::new(&mut stream);
        while let Some(entry) = archive.next().map_err(LayerError::Read)? {
            cancel.check()?;
            unpacker.entry(entry, &mut archive, cancel)?;
        }
    }
    // What follows the end of the archive belongs to the layer's digest as well.
    io::copy(&mut stream, &mut io::sink()).map_err(LayerError::Read)?;
    unpacker.finish()?;
    let (size, diff_id) = (stream.digester.length(), stream.digester.finish());
    let layer = LayerSummary {
        diff_id,
        size,
        content: ContentId(*diff_id.as_bytes()),
        entries: unpacker.entries,
        left_out: !unpacker.left_out.is_empty(),
    };
    Ok((layer, unpacker.left_out))
}

struct DigestReader<'r> {
    inner: &'r mut dyn Read,
    digester: Digester,
}

impl Read for DigestReader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.digester.update(&buffer[..count]);
        if self.digester.length() > MAX_BYTES {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "the layer is larger than 1 TiB"));
        }
        Ok(count)
    }
}

struct Unpacker<'r> {
    root: &'r RootDir,
    /// Paths, without links, that this layer has made: an opaque directory or a whiteout does not hide them.
    made: HashSet<PathBuf>,
    /// Directories and their times, which are set when nothing is put into them any more.
    directories: Vec<(PathBuf, Time)>,
    /// Device nodes that could not be made.
    left_out: LeftOut,
    /// How many.
    devices: usize,
    entries: u64,
    /// The directory of the last entry: the next one is mostly in the same.
    last: Option<(PathBuf, Parent)>,
}

#[derive(Debug)]
struct Parent {
    path: PathBuf,
    fd: OwnedFd,
}

impl Unpacker<'_> {
    fn entry(&mut self, entry: TarEntry, content: &mut dyn Read, cancel: &CancelToken) -> Result<(), LayerError> {
        self.entries += 1;
        if self.entries > MAX_ENTRIES {
            return Err(LayerError::Limit { what: "entries", limit: MAX_ENTRIES });
        }
        let raw = PathBuf::from(OsStr::from_bytes(&entry.path));
        let Some(path) = clean(&raw)? else { return self.root_entry(entry) };
        let Some(name) = path.file_name().map(OsStr::to_owned) else {
            return Err(LayerError::Escape { path: raw });
        };
        let (parent_path, parent_fd) = self.parent(path.parent().unwrap_or(Path::new("")))?;
        if name == OPAQUE_WHITEOUT {
            return self.hide_all(&parent_path, &parent_fd);
        }
        if let Some(hidden) = name.as_bytes().strip_prefix(WHITEOUT_PREFIX.as_bytes()) {
            let hidden = OsStr::from_bytes(hidden);
            if hidden.is_empty() || hidden == "." || hidden == ".." || self.made.contains(&parent_path.join(hidden)) {
                return Ok(());
            }
            self.last = None;
            return Ok(entry::remove_all_at(&parent_fd, hidden).at("remove", &path)?);
        }
        let at = Place { fd: &parent_fd, name: &name, path: parent_path.join(&name) };
        self.put(entry, content, &at, cancel)?;
        self.made.insert(at.path);
        Ok(())
    }

    /// Opens the directory an entry goes into, making it where no layer has it.
    fn parent(&mut self, path: &Path) -> Result<(PathBuf, OwnedFd), LayerError> {
        let cached = matches!(&self.last, Some((known, _)) if known == path);
        if !cached {
            let new = NewDirectory { mode: 0o755, owner: Some((0, 0)), mtime: None, inherit: Inherit::Nothing };
            let (resolved, _) = self.root.make_dirs(path, new)?;
            let fd = self.root.open_resolved(&resolved, OFlags::RDONLY | OFlags::DIRECTORY).at("open", path)?;
            self.last = Some((path.to_owned(), Parent { path: resolved, fd }));
        }
        let Some((_, parent)) = &self.last else { return Err(LayerError::Escape { path: path.to_owned() }) };
        Ok((parent.path.clone(), parent.fd.try_clone().at("duplicate descriptor of", path)?))
    }

    /// Hides what lower layers have in a directory, and keeps what this one has put there.
    fn hide_all(&self, path: &Path, fd: &OwnedFd) -> Result<(), LayerError> {
        for name in entry::names(fd).at("list directory", path)? {
            let child = path.join(&name);
            if !self.made.contains(&child) {
                entry::remove_all_at(fd, &name).at("remove", &child)?;
            }
        }
        Ok(())
    }

    fn put(
        &mut self,
        entry: TarEntry,
        content: &mut dyn Read,
        at: &Place<'_>,
        cancel: &CancelToken,
    ) -> Result<(), LayerError> {
        let (kind, link, device) = (entry.kind, entry.link, entry.device);
        let attributes = Attributes::of(entry.owner, entry.mode, entry.mtime, entry.xattrs)?;
        let existing = entry::metadata_at(at.fd, at.name).at("examine", &at.path)?;
        let is_directory = existing.is_some_and(|metadata| metadata.kind == FileKind::Directory);
        if existing.is_some() && !(is_directory && kind == EntryType::Directory) {
            if is_directory {
                self.last = None;
                self.made.retain(|made| !made.starts_with(&at.path));
            }
            entry::remove_all_at(at.fd, at.name).at("replace", &at.path)?;
        }
        // What comes later is what counts; a directory of the same name stays what it is.
        if kind != EntryType::Directory || self.left_out.device(&at.path).is_some() {
            self.left_out.remove(&at.path);
        }
        match kind {
            EntryType::Directory => {
                if !is_directory {
                    create::create_directory_at(at.fd, at.name).at("create directory", &at.path)?;
                }
                let fd = entry::open_directory_at(at.fd, at.name).at("open", &at.path)?;
                attributes.apply(fd, &at.path)?;
                self.directories.push((at.path.clone(), attributes.mtime));
                Ok(())
            }
            EntryType::Symlink => {
                let target = link_name(link, &at.path)?;
                create::create_symlink_at(target.as_os_str(), at.fd, at.name).at("create link", &at.path)?;
                attributes.apply_at(at, false)
            }
            EntryType::Link => self.hard_link(&link_name(link, &at.path)?, at),
            EntryType::Fifo => special(at, FileKind::Fifo, (0, 0), &attributes).map(|_| ()),
            EntryType::Char | EntryType::Block => {
                let kind = if kind == EntryType::Char { FileKind::CharDevice } else { FileKind::BlockDevice };
                if !special(at, kind, device, &attributes)? {
                    self.leave_out(at, attributes.device(entry.kind, device, &at.path))?;
                }
                Ok(())
            }
            EntryType::Regular | EntryType::Continuous | EntryType::GNUSparse => {
                let mut file = create::create_file_at(at.fd, at.name).at("create", &at.path)?;
                copy_content(content, &mut file, at, cancel)?;
                attributes.apply(file, &at.path)?;
                Ok(entry::set_times_at(at.fd, at.name, attributes.mtime, attributes.mtime)
                    .at("set times of", &at.path)?)
            }
            other => Err(LayerError::UnsupportedType { path: at.path.clone(), kind: char::from(other.as_byte()) }),
        }
    }

    fn leave_out(&mut self, at: &Place<'_>, device: Device) -> Result<(), LayerError> {
        self.devices += 1;
        if self.devices > MAX_DEVICES {
            return Err(LayerError::Limit { what: "device nodes", limit: MAX_DEVICES as u64 });
        }
        self.left_out.put(&at.path, device);
        Ok(())
    }

    fn hard_link(&mut self, target: &Path, at: &Place<'_>) -> Result<(), LayerError> {
        let missing = || LayerError::MissingLinkTarget { path: at.path.clone(), target: target.to_owned() };
        let cleaned = clean(target)?.ok_or_else(missing)?;
        if let Some(device) = self.left_out.device(&cleaned).cloned() {
            return self.leave_out(at, device);
        }
        let (Some(name), parent) = (cleaned.file_name(), cleaned.parent().unwrap_or(Path::new(""))) else {
            return Err(missing());
        };
        let directory = self.root.open_at(parent, OFlags::RDONLY | OFlags::DIRECTORY).map_err(|_| missing())?;
        match create::create_link_at(directory, name, at.fd, at.name) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Err(missing()),
            other => Ok(other.at("create hard link", &at.path)?),
        }
    }

    /// The archive's own entry for the root (`./`): its metadata belongs to the root.
    fn root_entry(&mut self, entry: TarEntry) -> Result<(), LayerError> {
        if entry.kind == EntryType::Directory {
            let attributes = Attributes::of(entry.owner, entry.mode, entry.mtime, entry.xattrs)?;
            let fd = self.root.open_at(Path::new("."), OFlags::RDONLY | OFlags::DIRECTORY).at("open", "/")?;
            attributes.apply(fd, Path::new("/"))?;
            self.directories.push((PathBuf::new(), attributes.mtime));
        }
        Ok(())
    }

    fn finish(&mut self) -> Result<(), LayerError> {
        for (path, mtime) in self.directories.iter().rev() {
            match self.root.set_directory_times(path, *mtime, *mtime) {
                // A later entry replaced it, or a whiteout took it away.
                Err(error) if crate::fs::root::is_missing(&error) => {}
                other => other.at("set times of", path)?,
            }
        }
        Ok(())
    }
}

/// Where an entry goes.
struct Place<'p> {
    fd: &'p OwnedFd,
    name: &'p OsStr,
    path: PathBuf,
}

struct Attributes {
    owner: (u32, u32),
    mode: u32,
    mtime: Time,
    xattrs: Xattrs,
}

impl Attributes {
    fn of(
        (uid, gid): (u64, u64),
        mode: u32,
        (seconds, _): Time,
        mut xattrs: Vec<(CString, Vec<u8>)>,
    ) -> Result<Self, LayerError> {
        let narrow = |id: u64| {
            u32::try_from(id)
                .map_err(|_| LayerError::Limit { what: "as an owner's number", limit: u64::from(u32::MAX) })
        };
        xattrs.retain(|(name, _)| entry::travels(name));
        // Layers have whole seconds.
        Ok(Self { owner: (narrow(uid)?, narrow(gid)?), mode, mtime: (seconds, 0), xattrs: Xattrs::from_pairs(xattrs) })
    }

    /// A device node of these attributes.
    fn device(&self, kind: EntryType, device: (u32, u32), path: &Path) -> Device {
        let ((uid, gid), mode, mtime) = (self.owner, self.mode, self.mtime.0);
        let attributes = super::Attributes { mode, uid, gid, mtime, device, size: 0 };
        Device { kind: kind.as_byte(), attributes, first: path.to_owned(), layer: 0 }
    }

    fn apply(&self, fd: impl AsFd, path: &Path) -> Result<(), PathError> {
        entry::set_attributes(fd, self.owner, self.mode, &self.xattrs).at("set the attributes of", path)
    }

    /// For what cannot be opened: links and special files.
    fn apply_at(&self, at: &Place<'_>, with_mode: bool) -> Result<(), LayerError> {
        entry::set_owner_at(at.fd, at.name, self.owner).at("set the owner of", &at.path)?;
        if with_mode {
            entry::set_mode_at(at.fd, at.name, self.mode).at("set the mode of", &at.path)?;
        }
        Ok(entry::set_times_at(at.fd, at.name, self.mtime, self.mtime).at("set times of", &at.path)?)
    }
}

/// Makes a special file; tells whether that was possible.
fn special(at: &Place<'_>, kind: FileKind, device: (u32, u32), attributes: &Attributes) -> Result<bool, LayerError> {
    if kind == FileKind::CharDevice && device == (0, 0) {
        return Ok(false);
    }
    match create::create_special_at(at.fd, at.name, kind, device) {
        // In a user namespace nobody may make devices; the sandbox brings its own `/dev`.
        Err(error) if error.raw_os_error() == Some(Errno::PERM.raw_os_error()) && kind != FileKind::Fifo => Ok(false),
        other => {
            other.at("create device", &at.path)?;
            attributes.apply_at(at, true)?;
            Ok(true)
        }
    }
}

fn copy_content(
    content: &mut dyn Read,
    file: &mut File,
    at: &Place<'_>,
    cancel: &CancelToken,
) -> Result<(), LayerError> {
    let mut buffer = vec![0; 128 * 1024];
    loop {
        let count = content.read(&mut buffer).map_err(LayerError::Read)?;
        if count == 0 {
            return Ok(());
        }
        cancel.check()?;
        file.write_all(&buffer[..count]).at("write", &at.path)?;
    }
}

fn link_name(target: Vec<u8>, path: &Path) -> Result<PathBuf, LayerError> {
    if target.is_empty() || target.len() > MAX_PATH {
        return Err(LayerError::MissingLinkTarget { path: path.to_owned(), target: PathBuf::new() });
    }
    Ok(PathBuf::from(OsString::from_vec(target)))
}

/// Brings an entry's path to normal form: no leading `/` or `./`; `None` for the root itself.
pub(super) fn clean(path: &Path) -> Result<Option<PathBuf>, LayerError> {
    let escape = || LayerError::Escape { path: path.to_owned() };
    if path.as_os_str().len() > MAX_PATH || path.as_os_str().as_bytes().contains(&0) {
        return Err(escape());
    }
    let mut cleaned = PathBuf::new();
    for component in path.components() {
        match component {
            Component::Normal(name) => cleaned.push(name),
            Component::RootDir | Component::CurDir => {}
            Component::ParentDir | Component::Prefix(_) => return Err(escape()),
        }
    }
    Ok((!cleaned.as_os_str().is_empty()).then_some(cleaned))
}
