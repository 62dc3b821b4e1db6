//! The content of what a COPY selects, as digests that change exactly when a copy would.
//!
//! Everything is BLAKE3 over an encoding with numbers in little endian and every variable part behind its
//! length (`u64`), so that no two contents have one encoding:
//!
//! ```text
//! node    = kind:u8 mode:u32 uid:u32 gid:u32 xattrs body
//! xattrs  = count:u64 (name value)*                     sorted by name
//! body    = file: size:u64 BLAKE3(bytes) | link: target | device: major:u32 minor:u32 | pipe: nothing
//!         | directory: entries                        kind 6: only there for what it holds
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
//! Spec: dockerfile-semantics 15.3.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rayon::prelude::*;
use rustix::fs::OFlags;

use super::select::{Selected, Selection};
use super::{CopyError, CopyTree};
use crate::build_context::scan::Node;
use crate::cancel::CancelToken;
use crate::fs::PathContext;
use crate::fs::entry::{self, FileKind, Metadata, Xattrs};
use crate::plan::op::CopySource;

/// The version of the encoding; part of every digest.
pub const CONTENT_VERSION: u32 = 1;

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
    let mut whole = Encoder::default();
    whole.raw(b"builder copy content");
    whole.u32(CONTENT_VERSION);
    whole.u64(digests.len() as u64);
    for source in &digests {
        whole.raw(&source.digest);
    }
    Ok(ContentDigest { digest: whole.digest(), sources: digests })
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
    let mut flat = Vec::new();
    for found in selected {
        flatten(&found.node, &found.path, &mut flat);
    }
    let own: Result<Vec<Own>, CopyError> =
        flat.par_iter().map_init(Vec::new, |buffer, (node, path)| own(tree, node, path, buffer, cancel)).collect();
    let own = own?;
    let bytes = own.iter().map(|own| own.bytes).sum();
    let mut fold = Fold { own: own.into_iter(), entries: Vec::with_capacity(flat.len()) };
    let mut encoder = Encoder::default();
    encoder.u64(selected.len() as u64);
    for found in selected {
        let (node, contents) = fold.node(&found.node, &found.path);
        if let Some(contents) = contents {
            encoder.raw(&[1]);
            encoder.raw(&contents);
        } else {
            encoder.raw(&[0]);
            encoder.sized(found.name.as_bytes());
            encoder.raw(&node);
        }
    }
    Ok(SourceDigest { path: source.to_owned(), digest: encoder.digest(), bytes, entries: fold.entries })
}

/// Lists a node and all below it, parents first: the order in which [`Fold`] takes their parts again.
fn flatten<'a>(node: &'a Node, path: &Path, flat: &mut Vec<(&'a Node, PathBuf)>) {
    flat.push((node, path.to_owned()));
    for child in &node.children {
        flatten(child, &path.join(&child.name), flat);
    }
}

/// The encoding of a node without what is below it.
struct Own {
    encoded: Encoder,
    bytes: u64,
}

fn own(
    tree: &CopyTree<'_>,
    node: &Node,
    path: &Path,
    buffer: &mut Vec<u8>,
    cancel: &CancelToken,
) -> Result<Own, CopyError> {
    cancel.check()?;
    let mut encoded = Encoder::default();
    let mut size = 0;
    let root = tree.root();
    match node.metadata.kind {
        FileKind::File => {
            let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY;
            let mut file = File::from(root.open_resolved(path, flags).at("open", path)?);
            let metadata = entry::metadata_of(&file).at("look at", path)?;
            if metadata.kind != FileKind::File {
                return Err(entry::not_regular()).at("open", path)?;
            }
            encoded.header(tree, 0, &metadata, &Xattrs::of_file(&file));
            let (length, digest) = hash_file(&mut file, buffer, cancel, path)?;
            encoded.u64(length);
            encoded.raw(&digest);
            size = length;
        }
        FileKind::Socket => {
            encoded.header(tree, 0, &node.metadata, &Xattrs::default());
            encoded.u64(0);
            encoded.raw(blake3::Hasher::new().finalize().as_bytes());
        }
        FileKind::Directory => {
            let directory = root.open_resolved(path, OFlags::RDONLY | OFlags::DIRECTORY).at("open", path)?;
            let kind = if node.implied { 6 } else { 1 };
            encoded.header(tree, kind, &node.metadata, &Xattrs::of_file(directory));
        }
        FileKind::Symlink => {
            let link = root.open_resolved(path, OFlags::PATH | OFlags::NOFOLLOW).at("open", path)?;
            encoded.header(tree, 2, &Metadata { mode: 0, ..node.metadata }, &Xattrs::of_reference(&link));
            let target = entry::read_link_at(&link, OsStr::new("")).at("read link", path)?;
            encoded.sized(target.as_bytes());
        }
        kind @ (FileKind::Fifo | FileKind::CharDevice | FileKind::BlockDevice) => {
            let reference = root.open_resolved(path, OFlags::PATH | OFlags::NOFOLLOW).at("open", path)?;
            let tag = match kind {
                FileKind::Fifo => 3,
                FileKind::CharDevice => 4,
                _ => 5,
            };
            encoded.header(tree, tag, &node.metadata, &Xattrs::of_reference(&reference));
            if kind != FileKind::Fifo {
                let (major, minor) = node.metadata.device;
                encoded.u32(major);
                encoded.u32(minor);
            }
        }
    }
    Ok(Own { encoded, bytes: size })
}

fn hash_file(
    file: &mut File,
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

/// Puts the parts together, from the leaves up.
struct Fold {
    own: std::vec::IntoIter<Own>,
    entries: Vec<ContentEntry>,
}

impl Fold {
    /// Returns the digest of a node, and for a directory that of what it holds.
    fn node(&mut self, node: &Node, path: &Path) -> ([u8; 32], Option<[u8; 32]>) {
        let mut encoded = self.own.next().map(|own| own.encoded).unwrap_or_default();
        let slot = self.entries.len();
        self.entries.push(ContentEntry { path: path.to_owned(), digest: [0; 32] });
        let mut contents = None;
        if node.metadata.kind == FileKind::Directory {
            let mut entries = Encoder::default();
            entries.u64(node.children.len() as u64);
            for child in &node.children {
                let (digest, _) = self.node(child, &path.join(&child.name));
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

#[derive(Default)]
struct Encoder(Vec<u8>);

impl Encoder {
    fn raw(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    fn u32(&mut self, number: u32) {
        self.raw(&number.to_le_bytes());
    }

    fn u64(&mut self, number: u64) {
        self.raw(&number.to_le_bytes());
    }

    fn sized(&mut self, bytes: &[u8]) {
        self.u64(bytes.len() as u64);
        self.raw(bytes);
    }

    fn header(&mut self, tree: &CopyTree<'_>, kind: u8, metadata: &Metadata, xattrs: &Xattrs) {
        self.raw(&[kind]);
        self.u32(metadata.mode);
        let (uid, gid) = if tree.keeps_owner() { (metadata.uid, metadata.gid) } else { (0, 0) };
        self.u32(uid);
        self.u32(gid);
        self.u64(xattrs.len() as u64);
        for (name, value) in xattrs.iter() {
            self.sized(name.to_bytes());
            self.sized(value);
        }
    }

    fn digest(&self) -> [u8; 32] {
        *blake3::hash(&self.0).as_bytes()
    }
}
