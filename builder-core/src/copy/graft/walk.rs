//! Goes through the files of a graft in the order of an archive, and writes them as they are found.

use std::collections::HashMap;
use std::fs::File;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::CopyGraft;
use crate::build_context::fingerprints::{Before, Known};
use crate::build_context::scan::Node;
use crate::cancel::CancelToken;
use crate::copy::content::{self, Content};
use crate::copy::write::Several;
use crate::fs::PathContext;
use crate::fs::entry::{self, FileKind, Xattrs};
use crate::layer::{Attributes, GraftWriter, LayerError};

/// The mode of every symbolic link on disk.
const LINK_MODE: u32 = 0o777;

/// The path in the tree that a file comes from, and the one in the archive.
type Paths<'p> = (&'p Path, &'p Path);

/// The walk through what a graft has selected.
pub(super) struct Walk<'a> {
    graft: &'a CopyGraft<'a>,
    /// Files that are selected under several names: where the first one went, and its number.
    linked: HashMap<(u64, u64), (PathBuf, usize)>,
    several: Several,
    /// The number of the next node, parents first.
    next: usize,
}

impl<'a> Walk<'a> {
    pub(super) fn new(graft: &'a CopyGraft<'a>) -> Self {
        // A name that is not selected makes no difference to the layer.
        let mut several = Several::default();
        several.look_at(&graft.found.node);
        Self { graft, linked: HashMap::new(), several, next: 0 }
    }

    pub(super) fn all(mut self, out: &mut GraftWriter<'_, '_>) -> Result<(), LayerError> {
        let graft = self.graft;
        let (node, directory) = (&graft.found.node, graft.directory.as_path());
        match &graft.name {
            None => {
                let number = self.number();
                graft.learn(number, || Content::of_directory(&Xattrs::of_file(&graft.from)));
                self.children(graft.from.as_fd(), &node.children, (&graft.found.path, directory), out)
            }
            Some(name) => self.entry(graft.from.as_fd(), node, (&graft.found.path, &directory.join(name)), out),
        }
    }

    fn children(
        &mut self,
        from: BorrowedFd<'_>,
        nodes: &[Node],
        (source, path): Paths<'_>,
        out: &mut GraftWriter<'_, '_>,
    ) -> Result<(), LayerError> {
        nodes
            .iter()
            .try_for_each(|node| self.entry(from, node, (&source.join(&node.name), &path.join(&node.name)), out))
    }

    fn number(&mut self) -> usize {
        self.next += 1;
        self.next - 1
    }

    fn entry(
        &mut self,
        from: BorrowedFd<'_>,
        node: &Node,
        (source, path): Paths<'_>,
        out: &mut GraftWriter<'_, '_>,
    ) -> Result<(), LayerError> {
        let graft = self.graft;
        graft.cancel.check()?;
        let number = self.number();
        match node.metadata.kind {
            FileKind::Directory => {
                let directory = entry::open_directory_at(from, &node.name).at("open directory", path)?;
                let xattrs = suited(Xattrs::of_file(&directory), path)?;
                graft.learn(number, || Content::of_directory(&xattrs));
                let attributes = graft.attributes(&node.metadata);
                out.directory(path, attributes, |out| {
                    self.children(directory.as_fd(), &node.children, (source, path), out)
                })
            }
            FileKind::File => self.file(from, node, (source, path), number, out),
            FileKind::Symlink => {
                let link = entry::open_reference_at(from, &node.name).at("open", path)?;
                let xattrs = suited(Xattrs::of_reference(&link), path)?;
                let target = entry::read_link_of(&link).at("read link", path)?;
                graft.learn(number, || Content::of_link(&xattrs, target.as_bytes()));
                graft.look_again(&link, path, &node.metadata)?;
                let attributes = Attributes { mode: LINK_MODE, ..graft.attributes(&node.metadata) };
                out.symlink(path, attributes, target.as_bytes())
            }
            FileKind::Socket => {
                graft.learn(number, Content::of_socket);
                out.empty_file(path, graft.attributes(&node.metadata))
            }
            // Not everybody may make them: a copy tells.
            FileKind::Fifo | FileKind::CharDevice | FileKind::BlockDevice => {
                Err(LayerError::Unsuited { path: path.to_owned() })
            }
        }
    }

    fn file(
        &mut self,
        from: BorrowedFd<'_>,
        node: &Node,
        (source, path): Paths<'_>,
        number: usize,
        out: &mut GraftWriter<'_, '_>,
    ) -> Result<(), LayerError> {
        let graft = self.graft;
        let several = self.several.contains(node);
        if several && let Some((first, first_number)) = self.linked.get(&node.metadata.identity) {
            graft.learn_same(number, *first_number);
            match entry::metadata_at(from, &node.name).at("look at", path)? {
                Some(now) => _ = graft.note(&now, &node.metadata),
                None => graft.changed.store(true, std::sync::atomic::Ordering::Relaxed),
            }
            return out.hardlink(path, graft.attributes(&node.metadata), first.as_os_str().as_bytes());
        }
        let before = Before::now();
        let (file, metadata) = entry::open_file_at(from, &node.name).at("open", path)?;
        let file = File::from(file);
        let fingerprints = graft.request.tree.fingerprints();
        let known = match fingerprints.and_then(|fingerprints| fingerprints.known(source, &metadata)) {
            Some(Known::Bytes(digest)) => Some(digest),
            Some(Known::Content(_)) | None => None,
        };
        let xattrs = if known.is_some() { Xattrs::default() } else { suited(Xattrs::of_file(&file), path)? };
        let size = metadata.size;
        let attributes = Attributes { size, ..graft.attributes(&metadata) };
        let digest = if !several && out.is_below(path, &attributes, &file)? {
            // There is nothing to write of it.
            let wanted = known.is_none() && graft.learned.is_some();
            known.map(Ok).or_else(|| wanted.then(|| digest_of(&file, graft.cancel, path))).transpose()?
        } else {
            Some(out.file(path, attributes, &file, known)?)
        };
        // Whether it grew or shrank meanwhile is seen by this.
        let is_same = graft.look_again(&file, path, &node.metadata)?;
        if known.is_some() && !is_same {
            // Then nobody has hashed what was read.
            return Err(LayerError::Changed { path: path.to_owned(), expected: size });
        }
        if let Some(digest) = digest {
            let content = Content::of_file(&xattrs, size, &digest);
            graft.learn(number, || content);
            if let Some(fingerprints) = fingerprints.filter(|_| known.is_none() && is_same) {
                fingerprints.remember(source, &metadata, before, content.known(&xattrs, digest));
            }
        }
        if several {
            self.linked.insert(node.metadata.identity, (path.to_owned(), number));
        }
        Ok(())
    }
}

fn digest_of(mut file: &File, cancel: &CancelToken, path: &Path) -> Result<[u8; 32], LayerError> {
    let hashed = content::hash_file(&mut file, &mut Vec::new(), cancel, path);
    hashed.map(|(_, digest)| digest).map_err(|_| LayerError::Unsuited { path: path.to_owned() })
}

/// A layer has no attributes but capabilities, and what becomes of those depends on the file system and on who
/// copies.
fn suited(xattrs: Xattrs, path: &Path) -> Result<Xattrs, LayerError> {
    if xattrs.iter().any(|(name, _)| name.to_bytes() == b"security.capability") {
        return Err(LayerError::Unsuited { path: path.to_owned() });
    }
    Ok(xattrs)
}
