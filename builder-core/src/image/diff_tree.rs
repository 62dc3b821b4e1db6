//! Two root filesystems, walked side by side.

use std::cmp::Ordering;
use std::collections::HashSet;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use rustix::fs::{Mode, OFlags};

use super::ImageError;
use super::diff::{Difference, FileChange};
use crate::cancel::CancelToken;
use crate::fs::PathContext;
use crate::fs::entry::{
    FileKind, Metadata, Xattrs, metadata_at, metadata_of, names, open_directory_at, open_file_at, open_reference_at,
    read_link_at,
};
use crate::layer::{LayerError, LeftOut};
use crate::snapshot::SnapshotError;

/// How deep a tree may be: two descriptors are open for each level.
const MAX_DEPTH: usize = 400;
/// Bytes of each file that are compared at once.
const BUFFER_BYTES: usize = 128 * 1024;

/// Compares two root filesystems, given by their root directories and the device nodes that these do not show. Times are
/// not compared.
///
/// # Errors
/// [`ImageError::Path`] for what cannot be read, [`ImageError::Snapshot`] for trees that are too deep,
/// [`ImageError::Cancelled`].
pub fn file_changes(
    (before, after): (&OwnedFd, &OwnedFd),
    left_out: [&LeftOut; 2],
    cancel: &CancelToken,
) -> Result<Vec<FileChange>, ImageError> {
    let mut walk = Walk {
        left_out,
        changes: Vec::new(),
        counted: Default::default(),
        buffers: [vec![0; BUFFER_BYTES], vec![0; BUFFER_BYTES]],
        cancel,
    };
    let top = Path::new("/");
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let open = |root: &OwnedFd| rustix::fs::openat(root, ".", flags, Mode::empty()).at("open", top);
    let (before, after) = (open(before)?, open(after)?);
    let differences = directory_differences(&before, &after, top)?;
    if !differences.is_empty() {
        walk.changes.push(FileChange { path: top.to_owned(), kind: FileKind::Directory, size: (0, 0), differences });
    }
    walk.both(&before, &after, top, 0)?;
    Ok(walk.changes)
}

struct Walk<'w> {
    changes: Vec<FileChange>,
    /// The device nodes that the trees do not show.
    left_out: [&'w LeftOut; 2],
    /// Files with several names whose bytes were counted, in the first tree and in the second.
    counted: [HashSet<(u64, u64)>; 2],
    buffers: [Vec<u8>; 2],
    cancel: &'w CancelToken,
}

/// A name in a directory.
struct Found<'f> {
    directory: &'f OwnedFd,
    name: &'f OsStr,
    metadata: Metadata,
}

impl Walk<'_> {
    /// Looks a name of one of the trees up.
    fn find<'f>(
        &self,
        tree: usize,
        directory: &'f OwnedFd,
        name: &'f OsStr,
        path: &Path,
    ) -> Result<Option<Found<'f>>, ImageError> {
        let inside = path.strip_prefix("/").unwrap_or(path);
        let metadata = match self.left_out[tree].device(inside) {
            Some(device) => Some(device.metadata()),
            None => metadata_at(directory, name).at("examine", path)?,
        };
        Ok(metadata.map(|metadata| Found { directory, name, metadata }))
    }

    /// Lists the names in a directory of one of the trees.
    fn sorted(&self, tree: usize, directory: &OwnedFd, path: &Path) -> Result<Vec<OsString>, ImageError> {
        let mut found = names(directory).at("list", path)?;
        let inside = path.strip_prefix("/").unwrap_or(path);
        found.extend(self.left_out[tree].names(inside).map(OsStr::to_owned));
        found.sort();
        found.dedup();
        Ok(found)
    }

    fn both(&mut self, before: &OwnedFd, after: &OwnedFd, path: &Path, depth: usize) -> Result<(), ImageError> {
        check_depth(depth)?;
        let (first, second) = (self.sorted(0, before, path)?, self.sorted(1, after, path)?);
        let (mut first, mut second) = (first.iter().peekable(), second.iter().peekable());
        loop {
            self.cancel.check()?;
            let order = match (first.peek(), second.peek()) {
                (None, None) => return Ok(()),
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (Some(a), Some(b)) => a.cmp(b),
            };
            let old = if order.is_le() { first.next() } else { None };
            let new = if order.is_ge() { second.next() } else { None };
            let Some(name) = old.or(new) else { return Ok(()) };
            let child = path.join(name);
            let old = old.map(|name| self.find(0, before, name, &child)).transpose()?.flatten();
            let new = new.map(|name| self.find(1, after, name, &child)).transpose()?.flatten();
            match (old, new) {
                (Some(old), Some(new)) => self.compare(&old, &new, &child, depth)?,
                (Some(old), None) => self.alone(&old, 0, &child, depth)?,
                (None, Some(new)) => self.alone(&new, 1, &child, depth)?,
                (None, None) => {}
            }
        }
    }

    /// A path that one of the trees has, with all below it. `tree` is 0 for the first.
    fn alone(&mut self, found: &Found<'_>, tree: usize, path: &Path, depth: usize) -> Result<(), ImageError> {
        check_depth(depth)?;
        self.cancel.check()?;
        let counted = self.bytes(&found.metadata, tree);
        let (bytes, difference) =
            if tree == 0 { ((counted, 0), Difference::Removed) } else { ((0, counted), Difference::Added) };
        let kind = found.metadata.kind;
        self.changes.push(FileChange { path: path.to_owned(), kind, size: bytes, differences: vec![difference] });
        if kind == FileKind::Directory {
            let directory = open_directory_at(found.directory, found.name).at("open", path)?;
            for name in self.sorted(tree, &directory, path)? {
                let child = path.join(&name);
                if let Some(found) = self.find(tree, &directory, &name, &child)? {
                    self.alone(&found, tree, &child, depth + 1)?;
                }
            }
        }
        Ok(())
    }

    fn compare(&mut self, old: &Found<'_>, new: &Found<'_>, path: &Path, depth: usize) -> Result<(), ImageError> {
        let (a, b) = (&old.metadata, &new.metadata);
        let size = (self.bytes(a, 0), self.bytes(b, 1));
        if a.kind != b.kind {
            let differences = vec![Difference::Kind(a.kind, b.kind)];
            self.changes.push(FileChange { path: path.to_owned(), kind: b.kind, size, differences });
            // What was below a directory is gone, and what is below one is new.
            for (found, tree) in [(old, 0), (new, 1)] {
                if found.metadata.kind == FileKind::Directory {
                    let directory = open_directory_at(found.directory, found.name).at("open", path)?;
                    for name in self.sorted(tree, &directory, path)? {
                        let child = path.join(&name);
                        if let Some(found) = self.find(tree, &directory, &name, &child)? {
                            self.alone(&found, tree, &child, depth + 1)?;
                        }
                    }
                }
            }
            return Ok(());
        }
        if a.kind == FileKind::Directory {
            let before = open_directory_at(old.directory, old.name).at("open", path)?;
            let after = open_directory_at(new.directory, new.name).at("open", path)?;
            let differences = directory_differences(&before, &after, path)?;
            if !differences.is_empty() {
                self.changes.push(FileChange { path: path.to_owned(), kind: a.kind, size: (0, 0), differences });
            }
            return self.both(&before, &after, path, depth + 1);
        }
        let mut differences = attribute_differences(a, b);
        match a.kind {
            // The same file of the same layer. Device numbers differ: there are two mounts.
            FileKind::File if a.identity.1 == b.identity.1 && a.ctime == b.ctime && a.size == b.size => {}
            FileKind::File => differences.extend(self.content_differences(old, new, path)?),
            FileKind::Symlink => {
                let target = |found: &Found<'_>| read_link_at(found.directory, found.name).at("read the link", path);
                let (first, second) = (target(old)?, target(new)?);
                if first != second {
                    differences.push(Difference::Link(first, second));
                }
                let xattrs = |found: &Found<'_>| -> Result<Xattrs, ImageError> {
                    Ok(Xattrs::of_reference(open_reference_at(found.directory, found.name).at("open", path)?))
                };
                differences.extend(xattr_difference(&xattrs(old)?, &xattrs(new)?));
            }
            FileKind::CharDevice | FileKind::BlockDevice if a.device != b.device => {
                differences.push(Difference::Device(a.device, b.device));
            }
            _ => {}
        }
        if !differences.is_empty() {
            self.changes.push(FileChange { path: path.to_owned(), kind: a.kind, size, differences });
        }
        Ok(())
    }

    fn content_differences(
        &mut self,
        old: &Found<'_>,
        new: &Found<'_>,
        path: &Path,
    ) -> Result<Vec<Difference>, ImageError> {
        let (first, a) = open_file_at(old.directory, old.name).at("open", path)?;
        let (second, b) = open_file_at(new.directory, new.name).at("open", path)?;
        let mut differences = Vec::new();
        if a.size != b.size {
            differences.extend([Difference::Content, Difference::Size(a.size, b.size)]);
        } else if !self.is_same(first.as_fd(), second.as_fd(), path)? {
            differences.push(Difference::Content);
        }
        differences.extend(xattr_difference(&Xattrs::of_file(&first), &Xattrs::of_file(&second)));
        Ok(differences)
    }

    fn is_same(
        &mut self,
        first: std::os::fd::BorrowedFd<'_>,
        second: std::os::fd::BorrowedFd<'_>,
        path: &Path,
    ) -> Result<bool, ImageError> {
        let file = |fd: std::os::fd::BorrowedFd<'_>| fd.try_clone_to_owned().map(File::from).at("open", path);
        let (mut first, mut second) = (file(first)?, file(second)?);
        let [a, b] = &mut self.buffers;
        loop {
            self.cancel.check()?;
            let (one, other) = (fill(&mut first, a).at("read", path)?, fill(&mut second, b).at("read", path)?);
            if a[..one] != b[..other] {
                return Ok(false);
            }
            if one == 0 {
                return Ok(true);
            }
        }
    }

    /// The bytes of a regular file; nothing for another name of one that was counted.
    fn bytes(&mut self, metadata: &Metadata, tree: usize) -> u64 {
        let counted = metadata.links > 1 && !self.counted[tree].insert(metadata.identity);
        if metadata.kind == FileKind::File && !counted { metadata.size } else { 0 }
    }
}

fn directory_differences(before: &OwnedFd, after: &OwnedFd, path: &Path) -> Result<Vec<Difference>, ImageError> {
    let (a, b) = (metadata_of(before).at("examine", path)?, metadata_of(after).at("examine", path)?);
    let mut differences = attribute_differences(&a, &b);
    differences.extend(xattr_difference(&Xattrs::of_file(before), &Xattrs::of_file(after)));
    Ok(differences)
}

fn check_depth(depth: usize) -> Result<(), ImageError> {
    if depth > MAX_DEPTH {
        let error = LayerError::Limit { what: "nested directories", limit: MAX_DEPTH as u64 };
        return Err(SnapshotError::from(error).into());
    }
    Ok(())
}

/// Reads until the buffer is full or the file ends.
fn fill(file: &mut File, buffer: &mut [u8]) -> io::Result<usize> {
    let mut length = 0;
    while length < buffer.len() {
        match file.read(&mut buffer[length..])? {
            0 => break,
            count => length += count,
        }
    }
    Ok(length)
}

fn attribute_differences(a: &Metadata, b: &Metadata) -> Vec<Difference> {
    let mut differences = Vec::new();
    // A symbolic link has no permissions of its own.
    if a.mode != b.mode && a.kind != FileKind::Symlink {
        differences.push(Difference::Mode(a.mode, b.mode));
    }
    if (a.uid, a.gid) != (b.uid, b.gid) {
        differences.push(Difference::Owner((a.uid, a.gid), (b.uid, b.gid)));
    }
    differences
}

fn xattr_difference(a: &Xattrs, b: &Xattrs) -> Option<Difference> {
    if a == b {
        return None;
    }
    let only = |these: &Xattrs, others: &Xattrs| -> Vec<String> {
        let missing = these.iter().filter(|pair| !others.iter().any(|other| other == *pair));
        missing.map(|(name, _)| name.to_string_lossy().into_owned()).collect()
    };
    let mut names = [only(a, b), only(b, a)].concat();
    names.sort();
    names.dedup();
    Some(Difference::Attributes(names))
}
