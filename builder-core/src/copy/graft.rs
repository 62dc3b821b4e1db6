//! A COPY whose files go straight from where they are into the archive of the layer, for a layer that no step reads.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Cursor, Read, Seek};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::{CopyRequest, select::Selected};
use crate::build_context::scan::Node;
use crate::cancel::CancelToken;
use crate::fs::PathContext;
use crate::fs::entry::{self, FileKind, Metadata, Xattrs};
use crate::layer::{Attributes, Graft, GraftWriter, LayerError};

/// Up to here a file is read before its entry is begun.
const SMALL_BYTES: u64 = 1024 * 1024;
/// The mode of every symbolic link on disk.
const LINK_MODE: u32 = 0o777;

/// The files of one COPY, ready to be written into an archive. What it makes is what a copy would have left.
#[derive(Debug)]
pub struct CopyGraft<'a> {
    pub(super) request: CopyRequest<'a>,
    pub(super) found: &'a Selected,
    /// The directory that they are in, opened.
    pub(super) from: OwnedFd,
    /// The directory that they come into, free of links, relative to the root.
    pub(super) directory: PathBuf,
    /// What a single file is called there; nothing where the source is a directory.
    pub(super) name: Option<OsString>,
    pub(super) cancel: &'a CancelToken,
    pub(super) state: State,
}

#[derive(Debug, Default)]
pub(super) struct State {
    changed: Cell<bool>,
    /// Files with several names: where the first one went.
    linked: RefCell<HashMap<(u64, u64), PathBuf>>,
    buffer: RefCell<Vec<u8>>,
}

impl CopyGraft<'_> {
    /// Tells whether a file changed between its selection and the end of its copy, as
    /// [`super::CopyOutcome::changed`] does.
    pub fn changed(&self) -> bool {
        self.state.changed.get()
    }

    fn children(
        &self,
        from: BorrowedFd<'_>,
        nodes: &[Node],
        path: &Path,
        out: &mut GraftWriter<'_, '_>,
    ) -> Result<(), LayerError> {
        nodes.iter().try_for_each(|node| self.entry(from, node, &path.join(&node.name), out))
    }

    fn entry(
        &self,
        from: BorrowedFd<'_>,
        node: &Node,
        path: &Path,
        out: &mut GraftWriter<'_, '_>,
    ) -> Result<(), LayerError> {
        self.cancel.check()?;
        match node.metadata.kind {
            FileKind::Directory => {
                let directory = entry::open_directory_at(from, &node.name).at("open directory", path)?;
                suited(&Xattrs::of_file(&directory), path)?;
                out.directory(path, self.attributes(&node.metadata), |out| {
                    self.children(directory.as_fd(), &node.children, path, out)
                })
            }
            FileKind::File => self.file(from, node, path, out),
            FileKind::Symlink => {
                let link = entry::open_reference_at(from, &node.name).at("open", path)?;
                suited(&Xattrs::of_reference(&link), path)?;
                let target = entry::read_link_of(&link).at("read link", path)?;
                self.note(&entry::metadata_of(&link).at("look at", path)?, node);
                let attributes = Attributes { mode: LINK_MODE, ..self.attributes(&node.metadata) };
                out.symlink(path, attributes, target.as_bytes())
            }
            FileKind::Socket => out.file(path, self.attributes(&node.metadata), &mut io::empty()),
            // Not everybody may make them: a copy tells.
            FileKind::Fifo | FileKind::CharDevice | FileKind::BlockDevice => {
                Err(LayerError::Unsuited { path: path.to_owned() })
            }
        }
    }

    fn file(
        &self,
        from: BorrowedFd<'_>,
        node: &Node,
        path: &Path,
        out: &mut GraftWriter<'_, '_>,
    ) -> Result<(), LayerError> {
        let several = node.metadata.links > 1;
        if several && let Some(first) = self.state.linked.borrow().get(&node.metadata.identity) {
            let now = entry::metadata_at(from, &node.name).at("look at", path)?;
            self.state.changed.set(self.changed() | !now.is_some_and(|now| now.is_unchanged_since(&node.metadata)));
            return out.hardlink(path, self.attributes(&node.metadata), first.as_os_str().as_bytes());
        }
        let (file, metadata) = entry::open_file_at(from, &node.name).at("open", path)?;
        let mut file = File::from(file);
        suited(&Xattrs::of_file(&file), path)?;
        let attributes = self.attributes(&metadata);
        if metadata.size <= SMALL_BYTES {
            let mut buffer = self.state.buffer.borrow_mut();
            buffer.clear();
            (&mut file).take(SMALL_BYTES + 1).read_to_end(&mut buffer).at("read", path)?;
            let size = buffer.len() as u64;
            if size > SMALL_BYTES {
                // It grows while it is read.
                return Err(LayerError::Changed { path: path.to_owned(), expected: metadata.size });
            }
            let attributes = Attributes { size, ..attributes };
            if several || !out.is_below(path, &attributes, &mut Cursor::new(&*buffer))? {
                out.file(path, attributes, &mut Cursor::new(&*buffer))?;
            }
        } else {
            let attributes = Attributes { size: metadata.size, ..attributes };
            if several || !out.is_below(path, &attributes, &mut (&mut file).take(metadata.size))? {
                file.rewind().at("read", path)?;
                out.file(path, attributes, &mut (&mut file).take(metadata.size))?;
            }
        }
        self.note(&entry::metadata_of(&file).at("look at", path)?, node);
        if several {
            self.state.linked.borrow_mut().insert(node.metadata.identity, path.to_owned());
        }
        Ok(())
    }

    fn note(&self, now: &Metadata, node: &Node) {
        self.state.changed.set(self.changed() | !now.is_unchanged_since(&node.metadata));
    }

    fn attributes(&self, metadata: &Metadata) -> Attributes {
        let (uid, gid) = self.request.owner_of(metadata);
        let mode = self.request.mode_of(metadata);
        Attributes { mode, uid, gid, mtime: metadata.mtime.0, ..Attributes::default() }
    }
}

impl Graft for CopyGraft<'_> {
    fn directory(&self) -> &Path {
        &self.directory
    }

    fn write(&self, out: &mut GraftWriter<'_, '_>) -> Result<(), LayerError> {
        let node = &self.found.node;
        match &self.name {
            None => self.children(self.from.as_fd(), &node.children, &self.directory, out),
            Some(name) => self.entry(self.from.as_fd(), node, &self.directory.join(name), out),
        }
    }
}

/// A layer has no attributes but capabilities, and what becomes of those depends on the file system and on who
/// copies.
fn suited(xattrs: &Xattrs, path: &Path) -> Result<(), LayerError> {
    if xattrs.iter().any(|(name, _)| name.to_bytes() == b"security.capability") {
        return Err(LayerError::Unsuited { path: path.to_owned() });
    }
    Ok(())
}
