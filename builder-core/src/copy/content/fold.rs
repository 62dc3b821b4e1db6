//! From what is in files and directories to the digest of a match.

use std::collections::HashMap;
use std::os::unix::ffi::OsStrExt;

use rayon::prelude::*;

use super::{Content, ContentEntry};
use crate::build_context::scan::Node;
use crate::copy::CopyTree;
use crate::copy::write::Several;
use crate::fs::entry::{FileKind, Xattrs};

/// Of how many nodes the leaves are folded by several threads.
const WORTH_THREADS: usize = 2048;

/// Most encodings are not longer.
const ENCODED_BYTES: usize = 64;

/// Puts the parts together, from the leaves up.
pub(super) struct Fold<'f> {
    tree: &'f CopyTree<'f>,
    contents: &'f [Content],
    /// Where digests go. Those of leaves are there.
    entries: &'f mut [ContentEntry],
    /// The next node of both.
    at: usize,
    names: Names,
}

/// The files of one match that it has under several names: a copy keeps those names one file.
#[derive(Default)]
struct Names {
    several: Several,
    /// The number of the match's first node.
    base: usize,
    /// The first name of each file.
    first: HashMap<(u64, u64), usize>,
}

impl Names {
    fn of(node: &Node, base: usize) -> Self {
        let mut several = Several::default();
        several.look_at(node);
        Self { several, base, first: HashMap::new() }
    }

    /// Returns the node of the first name where this is a further one.
    fn first_of(&mut self, node: &Node, number: usize) -> Option<u64> {
        if node.metadata.kind != FileKind::File || !self.several.contains(node) {
            return None;
        }
        let first = *self.first.entry(node.metadata.identity).or_insert(number);
        (first != number).then(|| (first - self.base) as u64)
    }
}

/// Tells whether a node is no directory, and no name that another file may have.
fn is_leaf(node: &Node) -> bool {
    match node.metadata.kind {
        FileKind::Directory => false,
        FileKind::File => node.metadata.links <= 1,
        _ => true,
    }
}

impl<'f> Fold<'f> {
    /// Takes all nodes of a source, parents first, with what is in them and where their digests go.
    pub(super) fn new(
        tree: &'f CopyTree<'f>,
        nodes: &[&Node],
        contents: &'f [Content],
        entries: &'f mut [ContentEntry],
    ) -> Self {
        let leaf = |((entry, node), content): ((&mut ContentEntry, &&Node), &Content)| {
            if is_leaf(node) {
                entry.digest = Encoder::of_node(tree, node, content).digest();
            }
        };
        if nodes.len() < WORTH_THREADS {
            entries.iter_mut().zip(nodes).zip(contents).for_each(leaf);
        } else {
            entries.par_iter_mut().zip(nodes).zip(contents).for_each(leaf);
        }
        Self { tree, contents, entries, at: 0, names: Names::default() }
    }

    /// Does what [`Fold::node`] does for the next match.
    pub(super) fn of_match(&mut self, node: &Node) -> ([u8; 32], Option<[u8; 32]>) {
        self.names = Names::of(node, self.at);
        self.node(node)
    }

    /// Returns the digest of a node, and for a directory that of what it holds.
    fn node(&mut self, node: &Node) -> ([u8; 32], Option<[u8; 32]>) {
        let slot = self.at;
        self.at += 1;
        let (Some(content), Some(entry)) = (self.contents.get(slot), self.entries.get(slot)) else {
            return ([0; 32], None);
        };
        if is_leaf(node) {
            return (entry.digest, None);
        }
        let mut encoded = Encoder::of_node(self.tree, node, content);
        if let Some(first) = self.names.first_of(node, slot) {
            encoded.u64(first);
        }
        let mut contents = None;
        if node.metadata.kind == FileKind::Directory {
            let mut entries = Encoder::default();
            entries.u64(node.children.len() as u64);
            for child in &node.children {
                let (digest, _) = self.node(child);
                entries.sized(child.name.as_bytes());
                entries.raw(&digest);
            }
            encoded.raw(&entries.0);
            contents = Some(entries.digest());
        }
        let digest = encoded.digest();
        if let Some(entry) = self.entries.get_mut(slot) {
            entry.digest = digest;
        }
        (digest, contents)
    }
}

/// Writes the encoding that is hashed.
pub(super) struct Encoder(Vec<u8>);

impl Default for Encoder {
    fn default() -> Self {
        Self(Vec::with_capacity(ENCODED_BYTES))
    }
}

impl Encoder {
    /// What a node is, and what is in it but not below it.
    fn of_node(tree: &CopyTree<'_>, node: &Node, content: &Content) -> Self {
        let mut encoder = Self::default();
        encoder.header(tree, node);
        encoder.raw(&content.digest);
        encoder
    }

    pub(super) fn raw(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    pub(super) fn u32(&mut self, number: u32) {
        self.raw(&number.to_le_bytes());
    }

    pub(super) fn u64(&mut self, number: u64) {
        self.raw(&number.to_le_bytes());
    }

    pub(super) fn sized(&mut self, bytes: &[u8]) {
        self.u64(bytes.len() as u64);
        self.raw(bytes);
    }

    pub(super) fn xattrs(&mut self, xattrs: &Xattrs) {
        self.u64(xattrs.len() as u64);
        for (name, value) in xattrs.iter() {
            self.sized(name.to_bytes());
            self.sized(value);
        }
    }

    /// What a node is, seen from outside.
    fn header(&mut self, tree: &CopyTree<'_>, node: &Node) {
        let metadata = &node.metadata;
        let kind = match metadata.kind {
            FileKind::File | FileKind::Socket => 0,
            FileKind::Directory if node.implied => 6,
            FileKind::Directory => 1,
            FileKind::Symlink => 2,
            FileKind::Fifo => 3,
            FileKind::CharDevice => 4,
            FileKind::BlockDevice => 5,
        };
        self.raw(&[kind]);
        // The mode of a link means nothing.
        self.u32(if metadata.kind == FileKind::Symlink { 0 } else { metadata.mode });
        let (uid, gid) = if tree.keeps_owner() { (metadata.uid, metadata.gid) } else { (0, 0) };
        self.u32(uid);
        self.u32(gid);
    }

    pub(super) fn digest(&self) -> [u8; 32] {
        *blake3::hash(&self.0).as_bytes()
    }
}
