//! The content of what a COPY selects, as digests that change exactly when a copy would.
//!
//! Everything is BLAKE3 over an encoding with numbers in little endian and every variable part behind its
//! length (`u64`), so that no two contents have one encoding:
//!
//! ```text
//! node    = kind:u8 mode:u32 uid:u32 gid:u32 BLAKE3(content) (entries | first)?
//!                                                     entries for directories only
//! first   = number:u64                                  for a further name of a file: the node in its match, counted
//!                                                     from 0, parents first, that was its first one
//! content = count:u64 (name value)* body              the extended attributes, sorted by name
//! body    = file: size:u64 BLAKE3(bytes) | link: target | device: major:u32 minor:u32 | pipe: nothing
//!         | directory: nothing                        kind 6: only there for what it holds
//! entries = count:u64 (name BLAKE3(node))*              sorted by name
//! source  = count:u64 match*                            in lexical order
//! match   = 0:u8 name BLAKE3(node)                      a file: its own name counts
//!         | 1:u8 BLAKE3(entries)                        a directory: only what it holds counts
//!         | 2:u8 name content                           an inline file
//! whole   = "builder copy content" version:u32 count:u64 BLAKE3(source)*
//! ```
//!
//! Never part of it: times, the directory of a source, files that ignore rules hide, owners where a copy
//! does not keep them. A socket counts as the empty file that it becomes.
//!
//! BLAKE3(content) is all that is not seen by looking at a file from outside. For a context on this machine it is
//! remembered ([`crate::build_context::fingerprints`]), and nothing is opened that is as it was.
//!
//! Spec: dockerfile-semantics 15.3.

mod fold;

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rayon::prelude::*;
use rustix::fs::OFlags;

use self::fold::{Encoder, Fold};
use super::select::{Selected, Selection};
use super::{CopyError, CopyTree};
use crate::build_context::fingerprints::{Before, Fingerprints, Known};
use crate::build_context::scan::Node;
use crate::cancel::CancelToken;
use crate::fs::PathContext;
use crate::fs::entry::{self, FileKind, Metadata, Xattrs};
use crate::fs::root::RootDir;
use crate::plan::op::CopySource;

/// The version of the encoding; part of every digest.
pub const CONTENT_VERSION: u32 = 3;

/// Up to so many files and directories are looked up without the help of other threads.
const FEW_NODES: usize = 64;

/// How much of a file is in memory at a time.
const BUFFER_BYTES: usize = 128 * 1024;

/// The digest of everything a COPY selects.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ContentDigest {
    /// BLAKE3 over the sources.
    pub digest: [u8; 32],
    /// The sources, in the order of the instruction.
    pub sources: Vec<SourceDigest>,
}

/// The digest of one source.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SourceDigest {
    /// The source as written; the name of an inline file.
    pub path: String,
    /// BLAKE3 over what it selects.
    pub digest: [u8; 32],
    /// Bytes of all files.
    pub bytes: u64,
    /// Everything it selects, in lexical order of each match.
    pub entries: Vec<ContentEntry>,
}

/// One selected file or directory.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ContentEntry {
    /// The path from the root of the tree.
    pub path: PathBuf,
    /// The digest of the entry; for a directory, with all that is selected below it.
    pub digest: [u8; 32],
}

/// Computes the digest of what a COPY or ADD with these sources selects. Whether ADD unpacks a file follows
/// from its content, so it needs no word here.
///
/// # Errors
/// [`CopyError`] where a file cannot be read.
pub fn content_digest(
    tree: &CopyTree<'_>,
    sources: &[CopySource],
    selection: &Selection,
    cancel: &CancelToken,
) -> Result<ContentDigest, CopyError> {
    let mut digests = Vec::with_capacity(sources.len());
    for (source, selected) in sources.iter().zip(&selection.sources) {
        digests.push(match source {
            CopySource::Path { path, .. } => source_digest(tree, path, selected, cancel)?,
            CopySource::Parents { pattern, .. } => source_digest(tree, pattern, selected, cancel)?,
            CopySource::Inline { name, content } => inline_digest(name, content),
        });
    }
    Ok(whole(digests))
}

fn whole(digests: Vec<SourceDigest>) -> ContentDigest {
    let mut whole = Encoder::default();
    whole.raw(b"builder copy content");
    whole.u32(CONTENT_VERSION);
    whole.u64(digests.len() as u64);
    for source in &digests {
        whole.raw(&source.digest);
    }
    ContentDigest { digest: whole.digest(), sources: digests }
}

/// The digest of the only thing that the only source of a COPY selects, whose contents somebody has read meanwhile: that
/// of each node, parents first.
pub(super) fn digest_of_read(
    tree: &CopyTree<'_>,
    source: &str,
    selected: &Selected,
    contents: &[Content],
) -> ContentDigest {
    let selected = std::slice::from_ref(selected);
    let (nodes, entries) = flattened(selected);
    whole(vec![folded(tree, source, selected, (&nodes, entries), contents)])
}

fn inline_digest(name: &str, content: &str) -> SourceDigest {
    let mut encoder = Encoder::default();
    encoder.u64(1);
    encoder.raw(&[2]);
    encoder.sized(name.as_bytes());
    encoder.sized(content.as_bytes());
    let digest = encoder.digest();
    let entries = vec![ContentEntry { path: PathBuf::from(name), digest }];
    SourceDigest { path: name.to_owned(), digest, bytes: content.len() as u64, entries }
}

fn source_digest(
    tree: &CopyTree<'_>,
    source: &str,
    selected: &[Selected],
    cancel: &CancelToken,
) -> Result<SourceDigest, CopyError> {
    let (nodes, entries) = flattened(selected);
    let contents = match known_if_few(tree, &nodes, &entries) {
        Some(known) => known,
        None => nodes
            .par_iter()
            .zip(&entries)
            .map_init(Vec::new, |buffer, (node, entry)| content(tree, node, &entry.path, buffer, cancel))
            .collect::<Result<Vec<Content>, CopyError>>()?,
    };
    Ok(folded(tree, source, selected, (&nodes, entries), &contents))
}

/// Returns what is in a few files of which nothing has to be read: nobody has to help with those.
fn known_if_few(tree: &CopyTree<'_>, nodes: &[&Node], entries: &[ContentEntry]) -> Option<Vec<Content>> {
    let fingerprints = tree.fingerprints().filter(|_| nodes.len() <= FEW_NODES)?;
    nodes.iter().zip(entries).map(|(node, entry)| known(fingerprints, node, &entry.path)).collect()
}

fn known(fingerprints: &Fingerprints, node: &Node, path: &Path) -> Option<Content> {
    if !matches!(node.metadata.kind, FileKind::File | FileKind::Directory | FileKind::Symlink) {
        return None;
    }
    Some(Content::of_known(fingerprints.known(path, &node.metadata)?, &node.metadata))
}

/// Lists everything that is selected, as [`flatten`] does.
fn flattened(selected: &[Selected]) -> (Vec<&Node>, Vec<ContentEntry>) {
    let (mut nodes, mut entries) = (Vec::new(), Vec::new());
    for found in selected {
        flatten(&found.node, &found.path, &mut nodes, &mut entries);
    }
    (nodes, entries)
}

fn folded(
    tree: &CopyTree<'_>,
    source: &str,
    selected: &[Selected],
    (nodes, mut entries): (&[&Node], Vec<ContentEntry>),
    contents: &[Content],
) -> SourceDigest {
    let bytes = contents.iter().map(|content| content.bytes).sum();
    let mut fold = Fold::new(tree, nodes, contents, &mut entries);
    let mut encoder = Encoder::default();
    encoder.u64(selected.len() as u64);
    for found in selected {
        let (node, contents) = fold.of_match(&found.node);
        if let Some(contents) = contents {
            encoder.raw(&[1]);
            encoder.raw(&contents);
        } else {
            encoder.raw(&[0]);
            encoder.sized(found.name.as_bytes());
            encoder.raw(&node);
        }
    }
    SourceDigest { path: source.to_owned(), digest: encoder.digest(), bytes, entries }
}

/// Lists a node and all below it, parents first: the order in which [`Fold`] takes their contents again.
fn flatten<'a>(node: &'a Node, path: &Path, nodes: &mut Vec<&'a Node>, entries: &mut Vec<ContentEntry>) {
    nodes.push(node);
    entries.push(ContentEntry { path: path.to_owned(), digest: [0; 32] });
    for child in &node.children {
        flatten(child, &path.join(&child.name), nodes, entries);
    }
}

/// What is in a node, without what is below it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Content {
    digest: [u8; 32],
    bytes: u64,
}

impl Content {
    /// That of a file of this length whose bytes have this BLAKE3.
    pub(super) fn of_file(xattrs: &Xattrs, length: u64, digest: &[u8; 32]) -> Self {
        let mut encoded = Encoder::default();
        encoded.xattrs(xattrs);
        encoded.u64(length);
        encoded.raw(digest);
        Self { digest: encoded.digest(), bytes: length }
    }

    /// That of a node that was read before.
    fn of_known(known: Known, metadata: &Metadata) -> Self {
        let bytes = if metadata.kind == FileKind::File { metadata.size } else { 0 };
        match known {
            Known::Content(digest) => Self { digest, bytes },
            Known::Bytes(digest) => Self::of_file(&Xattrs::default(), bytes, &digest),
        }
    }

    /// What is worth knowing of a file with this content, whose bytes have this BLAKE3.
    pub(super) fn known(&self, xattrs: &Xattrs, digest: [u8; 32]) -> Known {
        if xattrs.is_empty() { Known::Bytes(digest) } else { Known::Content(self.digest) }
    }

    /// That of the empty file that a socket becomes.
    pub(super) fn of_socket() -> Self {
        Self::of_file(&Xattrs::default(), 0, blake3::Hasher::new().finalize().as_bytes())
    }

    pub(super) fn of_directory(xattrs: &Xattrs) -> Self {
        let mut encoded = Encoder::default();
        encoded.xattrs(xattrs);
        Self { digest: encoded.digest(), bytes: 0 }
    }

    pub(super) fn of_link(xattrs: &Xattrs, target: &[u8]) -> Self {
        let mut encoded = Encoder::default();
        encoded.xattrs(xattrs);
        encoded.sized(target);
        Self { digest: encoded.digest(), bytes: 0 }
    }
}

/// Finds the content of a node, by remembering or by reading it.
fn content(
    tree: &CopyTree<'_>,
    node: &Node,
    path: &Path,
    buffer: &mut Vec<u8>,
    cancel: &CancelToken,
) -> Result<Content, CopyError> {
    cancel.check()?;
    let can_be_known = matches!(node.metadata.kind, FileKind::File | FileKind::Directory | FileKind::Symlink);
    let Some(known) = tree.fingerprints().filter(|_| can_be_known) else {
        return Ok(read(tree.root(), node, path, buffer, cancel).map_err(|error| error.of_selected(path))?.0);
    };
    if let Some(content) = self::known(known, node, path) {
        return Ok(content);
    }
    let before = Before::now();
    let read = read(tree.root(), node, path, buffer, cancel);
    let (content, found, after) = read.map_err(|error| error.of_selected(path))?;
    if after.is_unchanged_since(&node.metadata) {
        known.remember(path, &after, before, found);
    }
    Ok(content)
}

/// Reads the content of a node, and says what is worth knowing of it and what it was once that was done.
fn read(
    root: &RootDir,
    node: &Node,
    path: &Path,
    buffer: &mut Vec<u8>,
    cancel: &CancelToken,
) -> Result<(Content, Known, Metadata), CopyError> {
    let kind = node.metadata.kind;
    let (content, after) = match kind {
        FileKind::File => {
            let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY;
            let mut file = File::from(root.open_resolved(path, flags).at("open", path)?);
            if entry::metadata_of(&file).at("look at", path)?.kind != FileKind::File {
                return Err(entry::not_regular()).at("open", path)?;
            }
            let (length, digest) = hash_file(&mut file, buffer, cancel, path)?;
            let (xattrs, after) = (Xattrs::of_file(&file), entry::metadata_of(&file));
            let content = Content::of_file(&xattrs, length, &digest);
            return Ok((content, content.known(&xattrs, digest), after.at("look at", path)?));
        }
        FileKind::Socket => (Content::of_socket(), Ok(node.metadata)),
        FileKind::Directory => {
            let directory = root.open_resolved(path, OFlags::RDONLY | OFlags::DIRECTORY).at("open", path)?;
            (Content::of_directory(&Xattrs::of_file(&directory)), entry::metadata_of(&directory))
        }
        FileKind::Symlink | FileKind::Fifo | FileKind::CharDevice | FileKind::BlockDevice => {
            let reference = root.open_resolved(path, OFlags::PATH | OFlags::NOFOLLOW).at("open", path)?;
            let xattrs = Xattrs::of_reference(&reference);
            let content = if kind == FileKind::Symlink {
                Content::of_link(&xattrs, entry::read_link_of(&reference).at("read link", path)?.as_bytes())
            } else {
                let mut encoded = Encoder::default();
                encoded.xattrs(&xattrs);
                if kind != FileKind::Fifo {
                    let (major, minor) = node.metadata.device;
                    encoded.u32(major);
                    encoded.u32(minor);
                }
                Content { digest: encoded.digest(), bytes: 0 }
            };
            (content, entry::metadata_of(&reference))
        }
    };
    Ok((content, Known::Content(content.digest), after.at("look at", path)?))
}

/// Reads a file to its end, and returns its length and the BLAKE3 of its bytes.
pub(super) fn hash_file(
    file: &mut impl Read,
    buffer: &mut Vec<u8>,
    cancel: &CancelToken,
    path: &Path,
) -> Result<(u64, [u8; 32]), CopyError> {
    buffer.resize(BUFFER_BYTES, 0);
    let mut hasher = blake3::Hasher::new();
    let mut length = 0;
    loop {
        match file.read(buffer) {
            Ok(0) => return Ok((length, *hasher.finalize().as_bytes())),
            Ok(count) => {
                hasher.update(buffer.get(..count).unwrap_or_default());
                length += count as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error).at("read", path)?,
        }
        cancel.check()?;
    }
}
