//! What a COPY selects, as a digest: exactly the selected files, and nothing that their copy would not show.
//!
//! Encoding, each field with its length first: for every selected entry in order, the path below the source
//! (the base name for a file that is named itself), the kind, mode, owner where it is kept, size, device numbers,
//! link target, the extended attributes as pairs, and the BLAKE3 of a file's bytes. Times are not part of it,
//! nor the directory part of a source. A directory that is named itself counts by what it holds.
//!
//! Spec: dockerfile-semantics 15.3.

use std::fs::File;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rayon::prelude::*;
use rustix::fs::OFlags;

use super::select::select;
use super::{CopyError, CopyTree};
use crate::build_context::scan::Node;
use crate::cancel::CancelToken;
use crate::fs::PathContext;
use crate::fs::entry::{self, FileKind, Xattrs};
use crate::plan::op::CopySource;

/// Version of the encoding. A change of what goes in is a change of this number.
const CONTENT_VERSION: u32 = 1;
/// Fewer files than this are hashed where they are asked for: waking other threads costs more.
const PARALLEL_FROM: usize = 16;

/// What all sources of a COPY select.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ContentDigest {
    /// The digest of everything.
    pub digest: [u8; 32],
    /// The digest of each source, for explanations.
    pub sources: Vec<SourceDigest>,
}

/// What one source selects.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SourceDigest {
    /// The source as written, after expansion.
    pub path: String,
    /// The digest of what it selects.
    pub digest: [u8; 32],
}

struct Item<'n> {
    /// The path in the tree.
    path: PathBuf,
    /// The path below the source.
    shown: PathBuf,
    node: &'n Node,
}

/// Computes the digest of what sources select in a tree.
///
/// # Errors
/// As copying the same: [`CopyError::NotFound`], [`CopyError::BadPattern`], [`CopyError::Path`].
pub fn content_digest(
    tree: &CopyTree<'_>,
    sources: &[CopySource],
    cancel: &CancelToken,
) -> Result<ContentDigest, CopyError> {
    let mut all = blake3::Hasher::new();
    all.update(&CONTENT_VERSION.to_le_bytes());
    let mut digests = Vec::new();
    for (index, source) in sources.iter().enumerate() {
        let (path, digest) = match source {
            CopySource::Inline { name, content } => {
                let mut hasher = blake3::Hasher::new();
                field(&mut hasher, name.as_bytes());
                field(&mut hasher, content.as_bytes());
                (name.clone(), *hasher.finalize().as_bytes())
            }
            CopySource::Path { path, .. } => (path.clone(), of_path(tree, index, path, cancel)?),
        };
        all.update(&digest);
        digests.push(SourceDigest { path, digest });
    }
    Ok(ContentDigest { digest: *all.finalize().as_bytes(), sources: digests })
}

fn of_path(tree: &CopyTree<'_>, index: usize, path: &str, cancel: &CancelToken) -> Result<[u8; 32], CopyError> {
    let selected = select(tree, index, path, cancel)?;
    let mut items = Vec::new();
    for found in &selected {
        if found.is_directory() {
            for child in &found.node.children {
                collect(child, &found.path.join(&child.name), Path::new(&child.name), &mut items);
            }
        } else {
            items.push(Item { path: found.path.clone(), shown: PathBuf::from(&found.name), node: &found.node });
        }
    }
    let digest = |item: &Item<'_>| of_item(tree, item, cancel);
    let digests: Result<Vec<[u8; 32]>, CopyError> = if items.len() < PARALLEL_FROM {
        items.iter().map(digest).collect()
    } else {
        items.par_iter().map(digest).collect()
    };
    let mut hasher = blake3::Hasher::new();
    for digest in digests? {
        hasher.update(&digest);
    }
    Ok(*hasher.finalize().as_bytes())
}

fn collect<'n>(node: &'n Node, path: &Path, shown: &Path, items: &mut Vec<Item<'n>>) {
    items.push(Item { path: path.to_owned(), shown: shown.to_owned(), node });
    for child in &node.children {
        collect(child, &path.join(&child.name), &shown.join(&child.name), items);
    }
}

fn field(hasher: &mut blake3::Hasher, bytes: &[u8]) {
    hasher.update(&(bytes.len() as u64).to_le_bytes());
    hasher.update(bytes);
}

fn of_item(tree: &CopyTree<'_>, item: &Item<'_>, cancel: &CancelToken) -> Result<[u8; 32], CopyError> {
    cancel.check()?;
    let metadata = &item.node.metadata;
    let mut hasher = blake3::Hasher::new();
    field(&mut hasher, item.shown.as_os_str().as_bytes());
    // A socket arrives as an empty file.
    let kind = if metadata.kind == FileKind::Socket { FileKind::File } else { metadata.kind };
    field(&mut hasher, &[kind as u8]);
    let owner = if tree.keeps_owner() { (metadata.uid, metadata.gid) } else { (0, 0) };
    let mode = if kind == FileKind::Symlink { 0 } else { metadata.mode };
    for number in [mode, owner.0, owner.1, metadata.device.0, metadata.device.1] {
        field(&mut hasher, &number.to_le_bytes());
    }
    match metadata.kind {
        FileKind::File => {
            let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOFOLLOW;
            let file = tree.root().open_resolved(&item.path, flags).at("open", &item.path)?;
            attributes(&mut hasher, &Xattrs::of_file(&file));
            let mut content = blake3::Hasher::new();
            content.update_reader(File::from(file)).at("read", &item.path)?;
            field(&mut hasher, &content.count().to_le_bytes());
            field(&mut hasher, content.finalize().as_bytes());
        }
        FileKind::Directory => {
            let flags = OFlags::RDONLY | OFlags::DIRECTORY;
            let directory = tree.root().open_resolved(&item.path, flags).at("open", &item.path)?;
            attributes(&mut hasher, &Xattrs::of_file(&directory));
        }
        FileKind::Symlink => {
            let (parent, name) = split(&item.path);
            let directory = tree.root().open_resolved(parent, OFlags::PATH).at("open", parent)?;
            let target = entry::read_link_at(directory, name).at("read the link", &item.path)?;
            field(&mut hasher, target.as_bytes());
        }
        FileKind::Fifo | FileKind::CharDevice | FileKind::BlockDevice | FileKind::Socket => {}
    }
    Ok(*hasher.finalize().as_bytes())
}

/// The directory and the name of a path below the root.
pub(super) fn split(path: &Path) -> (&Path, &std::ffi::OsStr) {
    (path.parent().unwrap_or(Path::new("")), path.file_name().unwrap_or_default())
}

fn attributes(hasher: &mut blake3::Hasher, xattrs: &Xattrs) {
    field(hasher, &(xattrs.len() as u64).to_le_bytes());
    for (name, value) in xattrs.iter() {
        field(hasher, name.to_bytes());
        field(hasher, value);
    }
}
