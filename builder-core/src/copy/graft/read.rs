//! Finds and reads the files of a graft, beside whoever writes the archive: small ones are read before they are asked
//! for.

use std::collections::HashMap;
use std::fs::File;
use std::io::Read;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{channel, sync_channel};

use super::CopyGraft;
use crate::build_context::scan::Node;
use crate::copy::write::Several;
use crate::fs::PathContext;
use crate::fs::entry::{self, FileKind, Metadata, Xattrs};
use crate::layer::{Attributes, LayerError};

/// Up to here a file is read ahead.
const READ_AHEAD_BYTES: u64 = 64 * 1024;
/// How many entries wait for the writer; with their content, all the memory that is used.
const WAITING_ENTRIES: usize = 64;
/// The mode of every symbolic link on disk.
const LINK_MODE: u32 = 0o777;

/// An entry of the archive, in its order.
pub(super) struct Found<'a> {
    pub(super) path: PathBuf,
    pub(super) attributes: Attributes,
    pub(super) kind: FoundKind<'a>,
}

pub(super) enum FoundKind<'a> {
    /// What is in it follows.
    Directory,
    /// Of the directory that was begun last.
    EndOfDirectory,
    /// What it points to.
    Symlink(Vec<u8>),
    /// The name that the same file went by before.
    Hardlink(Vec<u8>),
    File {
        content: FoundContent<'a>,
        /// Whether it has other names.
        several: bool,
    },
}

pub(super) enum FoundContent<'a> {
    /// All of it.
    Read(Vec<u8>),
    /// Of this size, to be read; and what it was when it was selected.
    Open { file: File, size: u64, selected: &'a Metadata },
}

/// Takes what is found; tells whether more is wanted.
type Take<'t, 'a> = &'t mut dyn FnMut(Result<Found<'a>, LayerError>) -> bool;

/// The walk through what a graft has selected.
pub(super) struct Walk<'a> {
    graft: &'a CopyGraft<'a>,
    /// Files that are selected under several names: where the first one went.
    linked: HashMap<(u64, u64), PathBuf>,
    several: Several,
}

/// Why a walk ended early.
enum End {
    Failed(LayerError),
    Unwanted,
}

impl<E: Into<LayerError>> From<E> for End {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

/// Gives `write` what a walk finds, as it finds it. What is more than a few files is read on a thread of its own.
pub(super) fn ahead<'a>(
    walk: Walk<'a>,
    write: impl FnOnce(&mut dyn Iterator<Item = Result<Found<'a>, LayerError>>) -> Result<(), LayerError>,
) -> Result<(), LayerError> {
    if is_few(&walk.graft.found.node, &mut 0) {
        let (send, found) = channel();
        walk.all(&mut |next| send.send(next).is_ok());
        drop(send);
        return write(&mut found.into_iter());
    }
    std::thread::scope(|scope| {
        let (send, found) = sync_channel(WAITING_ENTRIES);
        scope.spawn(move || walk.all(&mut |next| send.send(next).is_ok()));
        write(&mut found.into_iter())
    })
}

/// Tells whether all entries may wait at once.
fn is_few(node: &Node, count: &mut usize) -> bool {
    *count += 1;
    *count <= WAITING_ENTRIES && node.children.iter().all(|child| is_few(child, count))
}

impl<'a> Walk<'a> {
    pub(super) fn new(graft: &'a CopyGraft<'a>) -> Self {
        // A name that is not selected makes no difference to the layer.
        let mut several = Several::default();
        several.look_at(&graft.found.node);
        Self { graft, linked: HashMap::new(), several }
    }

    fn all(mut self, take: Take<'_, 'a>) {
        let graft = self.graft;
        let (node, directory) = (&graft.found.node, graft.directory.as_path());
        let end = match &graft.name {
            None => self.children(graft.from.as_fd(), &node.children, directory, take),
            Some(name) => self.entry(graft.from.as_fd(), node, directory.join(name), take),
        };
        if let Err(End::Failed(error)) = end {
            // Nobody to tell: then the writer has failed before.
            let _ = take(Err(error));
        }
    }

    fn children(
        &mut self,
        from: BorrowedFd<'_>,
        nodes: &'a [Node],
        path: &Path,
        take: Take<'_, 'a>,
    ) -> Result<(), End> {
        nodes.iter().try_for_each(|node| self.entry(from, node, path.join(&node.name), take))
    }

    fn entry(&mut self, from: BorrowedFd<'_>, node: &'a Node, path: PathBuf, take: Take<'_, 'a>) -> Result<(), End> {
        self.graft.cancel.check()?;
        match node.metadata.kind {
            FileKind::Directory => {
                let directory = entry::open_directory_at(from, &node.name).at("open directory", &path)?;
                suited(&Xattrs::of_file(&directory), &path)?;
                let attributes = self.graft.attributes(&node.metadata);
                give(Found { path: path.clone(), attributes, kind: FoundKind::Directory }, take)?;
                self.children(directory.as_fd(), &node.children, &path, take)?;
                give(Found { path, attributes, kind: FoundKind::EndOfDirectory }, take)
            }
            FileKind::File => give(self.file(from, node, path)?, take),
            FileKind::Symlink => {
                let link = entry::open_reference_at(from, &node.name).at("open", &path)?;
                suited(&Xattrs::of_reference(&link), &path)?;
                let target = entry::read_link_of(&link).at("read link", &path)?.as_bytes().to_vec();
                self.graft.note(&entry::metadata_of(&link).at("look at", &path)?, &node.metadata);
                let attributes = Attributes { mode: LINK_MODE, ..self.graft.attributes(&node.metadata) };
                give(Found { path, attributes, kind: FoundKind::Symlink(target) }, take)
            }
            FileKind::Socket => {
                let content = FoundContent::Read(Vec::new());
                let kind = FoundKind::File { content, several: true };
                give(Found { path, attributes: self.graft.attributes(&node.metadata), kind }, take)
            }
            // Not everybody may make them: a copy tells.
            FileKind::Fifo | FileKind::CharDevice | FileKind::BlockDevice => Err(LayerError::Unsuited { path }.into()),
        }
    }

    fn file(&mut self, from: BorrowedFd<'_>, node: &'a Node, path: PathBuf) -> Result<Found<'a>, End> {
        let several = self.several.contains(node);
        if several && let Some(first) = self.linked.get(&node.metadata.identity) {
            match entry::metadata_at(from, &node.name).at("look at", &path)? {
                Some(now) => self.graft.note(&now, &node.metadata),
                None => self.graft.changed.store(true, std::sync::atomic::Ordering::Relaxed),
            }
            let kind = FoundKind::Hardlink(first.as_os_str().as_bytes().to_vec());
            return Ok(Found { path, attributes: self.graft.attributes(&node.metadata), kind });
        }
        let (file, metadata) = entry::open_file_at(from, &node.name).at("open", &path)?;
        let mut file = File::from(file);
        suited(&Xattrs::of_file(&file), &path)?;
        let attributes = self.graft.attributes(&metadata);
        let content = if metadata.size <= READ_AHEAD_BYTES {
            let mut bytes = Vec::with_capacity(usize::try_from(metadata.size).unwrap_or_default());
            (&mut file).take(metadata.size).read_to_end(&mut bytes).at("read", &path)?;
            // Whether it grows or shrinks meanwhile is seen by this.
            self.graft.note(&entry::metadata_of(&file).at("look at", &path)?, &node.metadata);
            FoundContent::Read(bytes)
        } else {
            FoundContent::Open { file, size: metadata.size, selected: &node.metadata }
        };
        if several {
            self.linked.insert(node.metadata.identity, path.clone());
        }
        Ok(Found { path, attributes, kind: FoundKind::File { content, several } })
    }
}

fn give<'a>(found: Found<'a>, take: Take<'_, 'a>) -> Result<(), End> {
    if take(Ok(found)) { Ok(()) } else { Err(End::Unwanted) }
}

/// A layer has no attributes but capabilities, and what becomes of those depends on the file system and on who
/// copies.
fn suited(xattrs: &Xattrs, path: &Path) -> Result<(), LayerError> {
    if xattrs.iter().any(|(name, _)| name.to_bytes() == b"security.capability") {
        return Err(LayerError::Unsuited { path: path.to_owned() });
    }
    Ok(())
}
