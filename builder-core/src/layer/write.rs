//! From a layer directory to its tar, always the same bytes for the same files.
//!
//! Entries stand in lexical order of their path components. The root itself is no entry, and neither is what the layer
//! lies on already: a directory that only has another time and nothing new in it, a file that is the same in all its
//! bytes. Encoding of the
//! content digest: BLAKE3 over, for each entry in that order, the length-prefixed path, the kind byte, mode, uid,
//! gid, device numbers and size as little-endian numbers, the length-prefixed link target, the attributes as
//! length-prefixed names and values in order, and for files the BLAKE3 of their bytes.

use std::collections::{BTreeMap, HashMap};
use std::ffi::{CStr, CString};
use std::fs::File;
use std::io::Write;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, FileType, Mode, OFlags, Stat, Timespec, Timestamps};

use super::graft::{Attributes, Graft, GraftWriter};
use super::header::{Entry, NO_XATTRS, write_end, write_header, write_padding};
use super::left_out::LeftOut;
use super::lower::Lower;
use super::stream::{ArchiveStream, stream};
use super::xattrs::xattrs;
use super::{ContentId, LayerError, LayerSummary, OPAQUE_WHITEOUT, OverlayFlavor, WHITEOUT_PREFIX};
use crate::cancel::CancelToken;
use crate::digest::Digest;
use crate::fs::PathContext;

/// Up to here a file is in one piece when it is hashed.
const WHOLE_BYTES: usize = 64 * 1024;
/// The deepest nesting of directories; one descriptor is open for each level.
const MAX_DEPTH: usize = 512;

/// Writes the layer directory `dir` to `out` as a tar and computes its digests in the same pass.
///
/// With `clamp`, seconds since 1970, files newer than that are set back to it, in the archive and on disk.
///
/// # Errors
/// [`LayerError::Path`] for files that cannot be read, [`LayerError::Changed`] for files that change meanwhile,
/// [`LayerError::Write`] when `out` fails, [`LayerError::Cancelled`].
pub fn write_layer(
    dir: &Path,
    flavor: OverlayFlavor,
    clamp: Option<i64>,
    out: &mut (dyn Write + Send),
    cancel: &CancelToken,
) -> Result<LayerSummary, LayerError> {
    write_layer_upon(None, dir, flavor, clamp, out, cancel)
}

/// Does the same for the layer directory of a step, which lies on the filesystem `lower`. What that has already is
/// left out of the archive and removed from the layer directory.
///
/// # Errors
/// As [`write_layer`].
pub(crate) fn write_layer_upon(
    lower: Option<OwnedFd>,
    dir: &Path,
    flavor: OverlayFlavor,
    clamp: Option<i64>,
    out: &mut (dyn Write + Send),
    cancel: &CancelToken,
) -> Result<LayerSummary, LayerError> {
    write(Beside::Nothing, lower, dir, flavor, clamp, out, cancel)
}

/// Does the same for a layer directory that is without some device nodes of the layer.
///
/// # Errors
/// As [`write_layer`].
pub(crate) fn write_layer_beside(
    left_out: &LeftOut,
    lower: Option<OwnedFd>,
    dir: &Path,
    flavor: OverlayFlavor,
    clamp: Option<i64>,
    out: &mut (dyn Write + Send),
    cancel: &CancelToken,
) -> Result<LayerSummary, LayerError> {
    let layer = write(Beside::Devices(left_out), lower, dir, flavor, clamp, out, cancel)?;
    Ok(LayerSummary { left_out: !left_out.is_empty(), ..layer })
}

/// Does the same for a layer directory of which one directory stays empty: its entries come from somewhere else.
///
/// # Errors
/// As [`write_layer`], and what the graft says.
pub(crate) fn write_grafted_layer(
    lower: Option<OwnedFd>,
    dir: &Path,
    flavor: OverlayFlavor,
    clamp: Option<i64>,
    graft: &dyn Graft,
    out: &mut (dyn Write + Send),
    cancel: &CancelToken,
) -> Result<LayerSummary, LayerError> {
    write(Beside::Graft(graft), lower, dir, flavor, clamp, out, cancel)
}

/// What a layer has besides the files of its directory.
#[derive(Clone, Copy)]
enum Beside<'b> {
    Nothing,
    Devices(&'b LeftOut),
    Graft(&'b dyn Graft),
}

fn write(
    beside: Beside<'_>,
    lower: Option<OwnedFd>,
    dir: &Path,
    flavor: OverlayFlavor,
    clamp: Option<i64>,
    out: &mut (dyn Write + Send),
    cancel: &CancelToken,
) -> Result<LayerSummary, LayerError> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let root = rustix::fs::open(dir, flags, Mode::empty()).at("open", dir)?;
    let lower = Lower::new(lower);
    summary(stream(out, LayerError::Write, |out| {
        let mut writer = LayerWriter::new(Some(flavor), clamp, out, cancel);
        match beside {
            Beside::Nothing => {}
            Beside::Devices(nodes) => {
                writer.left_out = Some(BesideFiles { directory: "", nodes, first: HashMap::new() });
            }
            Beside::Graft(graft) => writer.graft = Some(graft),
        }
        writer.layer(&root, &lower)
    }))
}

/// A whole root filesystem in an archive.
#[derive(Debug)]
pub struct Tree<'t> {
    /// The directory of the archive that it is in; empty for the archive's root.
    pub directory: &'t str,
    /// The filesystem, seen through its root directory.
    pub root: OwnedFd,
    /// Files besides it: name and content.
    pub files: &'t [(String, Vec<u8>)],
    /// Device nodes of it that it does not show.
    pub left_out: LeftOut,
}

/// Writes whole root filesystems as one tar. Nothing on disk changes; `clamp` is for the archive alone, and is the
/// time of what is in no filesystem.
///
/// # Errors
/// As [`write_layer`].
pub fn write_trees(
    trees: &[Tree<'_>],
    clamp: Option<i64>,
    out: &mut (dyn Write + Send),
    cancel: &CancelToken,
) -> Result<LayerSummary, LayerError> {
    summary(stream(out, LayerError::Write, |out| {
        let mut writer = LayerWriter::new(None, clamp, out, cancel);
        trees.iter().try_for_each(|tree| writer.tree(tree))?;
        writer.finish()
    }))
}

/// What the entries of an archive are, without their times, and how many.
type Contents = (ContentId, u64);

fn summary(written: Result<(Contents, Digest, u64), LayerError>) -> Result<LayerSummary, LayerError> {
    let ((content, entries), diff_id, size) = written?;
    Ok(LayerSummary { diff_id, size, content, entries, left_out: false })
}

/// What a whole root filesystem has besides its files.
struct BesideFiles<'t> {
    /// The directory of the archive that it is in.
    directory: &'t str,
    nodes: &'t LeftOut,
    /// The first path of each device node with several names.
    first: HashMap<&'t Path, PathBuf>,
}

impl BesideFiles<'_> {
    /// The path in the root filesystem that a path of the archive stands for.
    fn inside<'p>(&self, path: &'p Path) -> &'p Path {
        path.strip_prefix(self.directory).unwrap_or(path)
    }
}

/// What became of something in a layer directory.
enum Written {
    /// The layer has it.
    Yes,
    /// What the layer lies on has it already.
    LeftOut { directory: bool },
}

fn attributes_of(stat: &Stat, size: u64) -> Attributes {
    let (mode, uid, gid, mtime) = (stat.st_mode & 0o7777, stat.st_uid, stat.st_gid, stat.st_mtime);
    Attributes { mode, uid, gid, mtime, device: (0, 0), size }
}

pub(super) struct LayerWriter<'a> {
    out: &'a mut dyn ArchiveStream,
    content: blake3::Hasher,
    entries: u64,
    /// The first path of each file with several names.
    links: HashMap<(u64, u64), PathBuf>,
    /// Directories that are no entry unless something in them is: those around the place where it is writing.
    unwritten: Vec<UnwrittenDirectory>,
    /// The marks of overlayfs where the directory is a layer's; a whole filesystem has none.
    flavor: Option<OverlayFlavor>,
    pub(super) clamp: Option<i64>,
    graft: Option<&'a dyn Graft>,
    left_out: Option<BesideFiles<'a>>,
    cancel: &'a CancelToken,
}

/// A directory that is below the layer too, with the same mode, owner and attributes.
struct UnwrittenDirectory {
    path: PathBuf,
    attributes: Attributes,
    xattrs: BTreeMap<Vec<u8>, Vec<u8>>,
}

impl<'a> LayerWriter<'a> {
    fn new(
        flavor: Option<OverlayFlavor>,
        clamp: Option<i64>,
        out: &'a mut dyn ArchiveStream,
        cancel: &'a CancelToken,
    ) -> Self {
        Self {
            out,
            content: blake3::Hasher::new(),
            entries: 0,
            links: HashMap::new(),
            unwritten: Vec::new(),
            flavor,
            clamp,
            graft: None,
            left_out: None,
            cancel,
        }
    }

    fn layer(mut self, root: &OwnedFd, lower: &Lower) -> Result<Contents, LayerError> {
        self.directory(root, lower, Path::new(""), 0)?;
        match self.graft {
            // Its directory is none of the layer's.
            Some(graft) => Err(LayerError::Unsuited { path: graft.directory().to_owned() }),
            None => self.finish(),
        }
    }

    fn finish(self) -> Result<Contents, LayerError> {
        write_end(self.out).map_err(LayerError::Write)?;
        Ok((ContentId(*self.content.finalize().as_bytes()), self.entries))
    }

    /// Writes a whole root filesystem.
    fn tree(&mut self, tree: &'a Tree<'a>) -> Result<(), LayerError> {
        // Listing moves the position of a descriptor: a new one leaves the caller's alone.
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let listed = rustix::fs::openat(&tree.root, ".", flags, Mode::empty()).at("open", "/")?;
        if !tree.directory.is_empty() {
            let path = format!("{}/", tree.directory);
            self.made_up(path.as_bytes(), b'5', 0o755, b"")?;
        }
        self.links.clear();
        let (directory, nodes) = (tree.directory, &tree.left_out);
        self.left_out = Some(BesideFiles { directory, nodes, first: HashMap::new() });
        self.directory(&listed, &Lower::default(), Path::new(tree.directory), 0)?;
        for (name, content) in tree.files {
            let path = Path::new(tree.directory).join(name);
            self.made_up(path.as_os_str().as_bytes(), b'0', 0o644, content)?;
        }
        Ok(())
    }

    /// Writes an entry for what is in no filesystem: root's, and as old as the clamp says.
    fn made_up(&mut self, path: &[u8], kind: u8, mode: u32, content: &[u8]) -> Result<(), LayerError> {
        let size = content.len() as u64;
        let mtime = self.clamp.unwrap_or(0);
        let entry = Entry { path, kind, mode, size, mtime, xattrs: &NO_XATTRS, ..Entry::default() };
        self.entries += 1;
        self.hash_entry(&entry);
        write_header(self.out, &entry).map_err(LayerError::Write)?;
        self.out.write_all(content).map_err(LayerError::Write)?;
        self.content.update(blake3::hash(content).as_bytes());
        write_padding(self.out, size).map_err(LayerError::Write)
    }

    fn directory(&mut self, dir: &OwnedFd, lower: &Lower, path: &Path, depth: usize) -> Result<(), LayerError> {
        if depth > MAX_DEPTH {
            return Err(LayerError::Limit { what: "nested directories", limit: MAX_DEPTH as u64 });
        }
        if depth > 0 && self.is_opaque(dir.as_fd()) {
            self.whiteout(&path.join(OPAQUE_WHITEOUT))?;
        }
        let before = rustix::fs::fstat(dir).at("examine", path)?;
        let mut names: Vec<CString> = Vec::new();
        for entry in rustix::fs::Dir::read_from(dir).at("list", path)? {
            let entry = entry.at("list", path)?;
            if !matches!(entry.file_name().to_bytes(), b"." | b"..") {
                names.push(entry.file_name().to_owned());
            }
        }
        if let Some(beside) = &self.left_out {
            let left_out = beside.nodes.names(beside.inside(path));
            names.extend(left_out.filter_map(|name| CString::new(name.as_bytes()).ok()));
        }
        names.sort_unstable();
        // A node takes the place of what hides something below the layer.
        names.dedup();
        if let Some(graft) = self.graft.filter(|graft| graft.directory() == path) {
            // What else is in it would have to be put in between.
            self.graft = None;
            if names.is_empty() {
                return graft.write(&mut GraftWriter::new(self, lower));
            }
            return Err(LayerError::Unsuited { path: path.to_owned() });
        }
        let mut removed = false;
        for name in names {
            self.cancel.check()?;
            let child = path.join(std::ffi::OsStr::from_bytes(name.to_bytes()));
            if let Written::LeftOut { directory } = self.entry(dir, lower, &name, &child, depth)? {
                // The tar that is written of this directory later has to be the same, whatever it lies on then.
                let flags = if directory { AtFlags::REMOVEDIR } else { AtFlags::empty() };
                rustix::fs::unlinkat(dir, &name, flags).at("remove", &child)?;
                removed = true;
            }
        }
        if removed {
            let time = |tv_sec, tv_nsec| Timespec { tv_sec, tv_nsec };
            let last_access = time(before.st_atime, i64::try_from(before.st_atime_nsec).unwrap_or(0));
            let last_modification = time(before.st_mtime, i64::try_from(before.st_mtime_nsec).unwrap_or(0));
            let times = Timestamps { last_access, last_modification };
            rustix::fs::futimens(dir, &times).at("set the times of", path)?;
        }
        Ok(())
    }

    fn entry(
        &mut self,
        dir: &OwnedFd,
        lower: &Lower,
        name: &CStr,
        path: &Path,
        depth: usize,
    ) -> Result<Written, LayerError> {
        if self.device_beside(path)? {
            return Ok(Written::Yes);
        }
        let mut stat = rustix::fs::statat(dir, name, AtFlags::SYMLINK_NOFOLLOW).at("examine", path)?;
        let kind = FileType::from_raw_mode(stat.st_mode);
        if kind == FileType::CharacterDevice && stat.st_rdev == 0 {
            if self.flavor.is_none() {
                // A whole filesystem has nothing below it that could be hidden.
                return Ok(Written::Yes);
            }
            let mut hidden = WHITEOUT_PREFIX.as_bytes().to_vec();
            hidden.extend_from_slice(name.to_bytes());
            self.whiteout(&path.with_file_name(std::ffi::OsStr::from_bytes(&hidden)))?;
            return Ok(Written::Yes);
        }
        if kind == FileType::Socket {
            // It is no entry, and stays in its directory.
            self.write_directories()?;
            return Ok(Written::Yes);
        }
        if stat.st_nlink == 1 && self.is_in(lower, dir, name, &stat, path)? {
            return Ok(Written::LeftOut { directory: false });
        }
        if kind != FileType::Directory {
            self.clamp_on_disk(dir, name, path, &mut stat)?;
        }
        if kind != FileType::Directory && stat.st_nlink > 1 {
            if let Some(first) = self.links.get(&(stat.st_dev, stat.st_ino)).cloned() {
                self.put(path, b'1', &stat, first.as_os_str().as_bytes(), &NO_XATTRS, None)?;
                return Ok(Written::Yes);
            }
            self.links.insert((stat.st_dev, stat.st_ino), path.to_owned());
        }
        let open = |flags: OFlags| {
            let flags = flags | OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
            rustix::fs::openat(dir, name, flags, Mode::empty()).at("open", path)
        };
        match kind {
            FileType::Directory => {
                let child = open(OFlags::DIRECTORY)?;
                self.clamp_on_disk(dir, name, path, &mut stat)?;
                let xattrs = self.xattrs(child.as_fd()).at("read the attributes of", path)?;
                let below = lower.directory(name, path)?;
                let begun = self.begin_directory(path, attributes_of(&stat, 0), &xattrs, &below)?;
                let opaque = self.is_opaque(child.as_fd());
                self.directory(&child, if opaque { &Lower::NOTHING } else { &below }, path, depth + 1)?;
                return Ok(if self.end_directory(begun) { Written::Yes } else { Written::LeftOut { directory: true } });
            }
            FileType::RegularFile => {
                let file = open(OFlags::empty())?;
                let xattrs = self.xattrs(file.as_fd()).at("read the attributes of", path)?;
                self.put(path, b'0', &stat, b"", &xattrs, Some(File::from(file)))
            }
            FileType::Symlink => {
                let target = rustix::fs::readlinkat(dir, name, Vec::new()).at("read the link", path)?;
                self.put(path, b'2', &stat, target.as_bytes(), &NO_XATTRS, None)
            }
            FileType::Fifo => self.put(path, b'6', &stat, b"", &NO_XATTRS, None),
            FileType::CharacterDevice => self.put(path, b'3', &stat, b"", &NO_XATTRS, None),
            FileType::BlockDevice => self.put(path, b'4', &stat, b"", &NO_XATTRS, None),
            _ => Err(LayerError::UnsupportedType { path: path.to_owned(), kind: '?' }),
        }?;
        Ok(Written::Yes)
    }

    /// Writes a device node that the filesystem does not show; tells whether a path is one.
    fn device_beside(&mut self, path: &Path) -> Result<bool, LayerError> {
        let Some(beside) = &mut self.left_out else { return Ok(false) };
        let Some(device) = beside.nodes.device(beside.inside(path)) else { return Ok(false) };
        let first = beside.first.get(&*device.first).cloned();
        beside.first.entry(&device.first).or_insert_with(|| path.to_owned());
        let mut attributes = device.attributes;
        attributes.mtime = self.clamp.map_or(attributes.mtime, |clamp| attributes.mtime.min(clamp));
        match first {
            Some(first) => {
                attributes.device = (0, 0);
                self.head(path, b'1', &attributes, first.as_os_str().as_bytes(), &NO_XATTRS)?;
            }
            None => self.head(path, device.kind, &attributes, b"", &NO_XATTRS)?,
        }
        Ok(true)
    }

    /// Begins a directory: one that is below the layer just the same waits until something in it is written.
    pub(super) fn begin_directory(
        &mut self,
        path: &Path,
        attributes: Attributes,
        xattrs: &BTreeMap<Vec<u8>, Vec<u8>>,
        below: &Lower,
    ) -> Result<usize, LayerError> {
        let begun = self.unwritten.len();
        if below.is_directory_with(&attributes, xattrs, path)? {
            self.unwritten.push(UnwrittenDirectory { path: path.to_owned(), attributes, xattrs: xattrs.clone() });
            return Ok(begun);
        }
        self.head(path, b'5', &attributes, b"", xattrs)?;
        Ok(begun)
    }

    /// Ends a directory; tells whether it became an entry.
    pub(super) fn end_directory(&mut self, begun: usize) -> bool {
        let waits = self.unwritten.len() > begun;
        self.unwritten.truncate(begun);
        !waits
    }

    fn write_directories(&mut self) -> Result<(), LayerError> {
        for UnwrittenDirectory { path, attributes, xattrs } in std::mem::take(&mut self.unwritten) {
            self.head(&path, b'5', &attributes, b"", &xattrs)?;
        }
        Ok(())
    }

    /// Tells whether a file or link is below the layer just the same.
    fn is_in(&self, lower: &Lower, dir: &OwnedFd, name: &CStr, stat: &Stat, path: &Path) -> Result<bool, LayerError> {
        let size = u64::try_from(stat.st_size).unwrap_or(0);
        match FileType::from_raw_mode(stat.st_mode) {
            FileType::RegularFile => {
                let Some(same) = lower.file_with(name, &attributes_of(stat, size), path)? else { return Ok(false) };
                let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
                let file = rustix::fs::openat(dir, name, flags, Mode::empty()).at("open", path)?;
                let xattrs = self.xattrs(file.as_fd()).at("read the attributes of", path)?;
                Ok(same.equals(&xattrs, &mut File::from(file), path)?)
            }
            FileType::Symlink => {
                if !lower.may_have() {
                    return Ok(false);
                }
                let target = rustix::fs::readlinkat(dir, name, Vec::new()).at("read the link", path)?;
                lower.is_link(name, &attributes_of(stat, 0), target.as_bytes(), path)
            }
            _ => Ok(false),
        }
    }

    fn put(
        &mut self,
        path: &Path,
        kind: u8,
        stat: &Stat,
        link: &[u8],
        xattrs: &BTreeMap<Vec<u8>, Vec<u8>>,
        file: Option<File>,
    ) -> Result<(), LayerError> {
        let size = if file.is_some() { u64::try_from(stat.st_size).unwrap_or(0) } else { 0 };
        let mut attributes = attributes_of(stat, size);
        if matches!(kind, b'3' | b'4') {
            attributes.device = (rustix::fs::major(stat.st_rdev), rustix::fs::minor(stat.st_rdev));
        }
        self.head(path, kind, &attributes, link, xattrs)?;
        match file {
            Some(file) => self.content_of(&file, path, attributes.size, false, None).map(drop),
            None => Ok(()),
        }
    }

    /// Writes everything of an entry but the content of a file.
    pub(super) fn head(
        &mut self,
        path: &Path,
        kind: u8,
        attributes: &Attributes,
        link: &[u8],
        xattrs: &BTreeMap<Vec<u8>, Vec<u8>>,
    ) -> Result<(), LayerError> {
        self.write_directories()?;
        let mut name = path.as_os_str().as_bytes().to_vec();
        if kind == b'5' {
            name.push(b'/');
        }
        let entry = Entry {
            path: &name,
            kind,
            mode: attributes.mode,
            uid: u64::from(attributes.uid),
            gid: u64::from(attributes.gid),
            size: attributes.size,
            mtime: attributes.mtime,
            link,
            device: attributes.device,
            xattrs,
        };
        self.entries += 1;
        self.hash_entry(&entry);
        write_header(self.out, &entry).map_err(LayerError::Write)
    }

    fn hash_entry(&mut self, entry: &Entry<'_>) {
        let content = &mut self.content;
        let mut field = |bytes: &[u8]| {
            content.update(&(bytes.len() as u64).to_le_bytes());
            content.update(bytes);
        };
        field(entry.path);
        field(&[entry.kind]);
        for number in [
            u64::from(entry.mode),
            entry.uid,
            entry.gid,
            u64::from(entry.device.0),
            u64::from(entry.device.1),
            entry.size,
            entry.xattrs.len() as u64,
        ] {
            field(&number.to_le_bytes());
        }
        field(entry.link);
        for (name, value) in entry.xattrs {
            field(name);
            field(value);
        }
    }

    /// Writes the content of a file, which must have the size that its entry says; returns its BLAKE3, unless that is
    /// `known`. What comes after that is left out where it may grow.
    pub(super) fn content_of(
        &mut self,
        file: &File,
        path: &Path,
        size: u64,
        may_grow: bool,
        known: Option<[u8; 32]>,
    ) -> Result<[u8; 32], LayerError> {
        let changed = || LayerError::Changed { path: path.to_owned(), expected: size };
        let mut hasher = blake3::Hasher::new();
        let mut left = size;
        // A byte more than there should be: then one read tells that it is the end.
        let least = usize::try_from(size + 1).ok().filter(|least| *least <= WHOLE_BYTES).unwrap_or(1);
        loop {
            // It goes right into the chunk that is written.
            let chunk = self.out.room_for(least).map_err(LayerError::Write)?;
            let (start, room) = (chunk.len(), chunk.capacity() - chunk.len());
            let mut count = read_more(file, chunk).at("read", path)? as u64;
            if count > left && may_grow {
                count = left;
                chunk.truncate(start + usize::try_from(left).unwrap_or(room));
            }
            left = left.checked_sub(count).ok_or_else(changed)?;
            if known.is_none() {
                hasher.update(&chunk[start..]);
            }
            if count == 0 || left == 0 && (may_grow || count < room as u64) {
                break;
            }
            self.cancel.check()?;
        }
        if left > 0 {
            return Err(changed());
        }
        let digest = known.unwrap_or_else(|| *hasher.finalize().as_bytes());
        self.content.update(&digest);
        write_padding(self.out, size).map_err(LayerError::Write)?;
        Ok(digest)
    }

    /// Ends the entry of a file that has no content.
    pub(super) fn no_content(&mut self) {
        self.content.update(blake3::hash(b"").as_bytes());
    }

    fn whiteout(&mut self, path: &Path) -> Result<(), LayerError> {
        self.write_directories()?;
        let entry = Entry { path: path.as_os_str().as_bytes(), kind: b'0', xattrs: &NO_XATTRS, ..Entry::default() };
        self.entries += 1;
        self.hash_entry(&entry);
        write_header(self.out, &entry).map_err(LayerError::Write)
    }

    fn clamp_on_disk(&self, dir: &OwnedFd, name: &CStr, path: &Path, stat: &mut Stat) -> Result<(), LayerError> {
        let Some(epoch) = self.clamp.filter(|epoch| stat.st_mtime > *epoch) else { return Ok(()) };
        stat.st_mtime = epoch;
        if self.flavor.is_none() {
            return Ok(());
        }
        let time = Timespec { tv_sec: epoch, tv_nsec: 0 };
        let times = Timestamps { last_access: time, last_modification: time };
        rustix::fs::utimensat(dir, name, &times, AtFlags::SYMLINK_NOFOLLOW).at("set the times of", path)?;
        Ok(())
    }

    /// A layer records file capabilities and no other attributes, as `BuildKit`'s do (dockerfile-semantics 9); the tar
    /// of a whole root filesystem has them all.
    fn xattrs(&self, file: BorrowedFd<'_>) -> std::io::Result<BTreeMap<Vec<u8>, Vec<u8>>> {
        let mut found = xattrs(file)?;
        if self.flavor.is_some() {
            found.retain(|name, _| name == b"security.capability");
        }
        Ok(found)
    }

    fn is_opaque(&self, dir: BorrowedFd<'_>) -> bool {
        self.flavor.is_some_and(|flavor| flavor.is_opaque(dir).unwrap_or(false))
    }
}

/// Reads once into the room that a buffer has left.
fn read_more(file: &File, buffer: &mut Vec<u8>) -> std::io::Result<usize> {
    loop {
        match rustix::io::read(file, rustix::buffer::spare_capacity(buffer)) {
            Err(rustix::io::Errno::INTR) => {}
            outcome => return Ok(outcome?),
        }
    }
}
