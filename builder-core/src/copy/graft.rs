//! A COPY whose files go straight from where they are into the archive of the layer, for a layer that no step reads.

mod read;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::File;
use std::io::{Cursor, Read, Seek};
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use self::read::{Found, FoundContent, FoundKind, Walk};
use super::content::{self, Content, ContentDigest};
use super::{CopyRequest, CopyTree, select::Selected};
use crate::build_context::scan::Node;
use crate::cancel::CancelToken;
use crate::fs::PathContext;
use crate::fs::entry::{self, Metadata};
use crate::layer::{Attributes, Graft, GraftWriter, LayerError};
use crate::plan::op::CopySource;

/// Up to here a file is read before its entry is begun.
const SMALL_BYTES: u64 = 1024 * 1024;

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
    pub(super) changed: AtomicBool,
    /// What is learnt of the contents, where somebody wants to know.
    pub(super) learned: Option<Mutex<Learned>>,
}

/// The contents of the nodes of a selection, parents first.
#[derive(Debug, Default)]
pub(super) struct Learned {
    contents: BTreeMap<usize, Content>,
    /// Further names of a file, each with the number of the first one.
    same: Vec<(usize, usize)>,
}

impl CopyGraft<'_> {
    /// Tells whether a file changed between its selection and the end of its copy, as
    /// [`super::CopyOutcome::changed`] does.
    pub fn changed(&self) -> bool {
        self.changed.load(Ordering::Relaxed)
    }

    /// Remembers what is read when it is written, so that [`CopyGraft::content_digest`] needs not read it again.
    #[must_use]
    pub fn learning(mut self) -> Self {
        self.learned = Some(Mutex::default());
        self
    }

    /// Returns what [`super::content_digest`] would of what has been written. Nothing where it was not
    /// [`CopyGraft::learning`], or not all of it was written.
    pub fn content_digest(&self) -> Option<ContentDigest> {
        let mut learned = lock(self.learned.as_ref()?);
        let Learned { contents, same } = std::mem::take(&mut *learned);
        let mut all: Vec<Content> = Vec::with_capacity(contents.len() + same.len());
        let same: BTreeMap<usize, usize> = same.into_iter().collect();
        let count = count(&self.found.node);
        while all.len() < count {
            let known = contents.get(&all.len()).copied();
            let first = || all.get(*same.get(&all.len())?).copied();
            all.push(known.or_else(first)?);
        }
        let source = match self.request.sources {
            [CopySource::Path { path, .. }] => path,
            [CopySource::Parents { pattern, .. }] => pattern,
            _ => return None,
        };
        Some(content::digest_of_read(&self.request.tree, source, self.found, &all))
    }

    fn learn(&self, number: usize, content: impl FnOnce() -> Content) {
        if let Some(learned) = &self.learned {
            let content = content();
            lock(learned).contents.insert(number, content);
        }
    }

    fn learn_same(&self, number: usize, first: usize) {
        if let Some(learned) = &self.learned {
            lock(learned).same.push((number, first));
        }
    }

    /// Looks at what was read once more; a filesystem of a stage never changes.
    fn look_again(&self, file: impl AsFd, path: &Path, selected: &Metadata) -> Result<(), LayerError> {
        if let CopyTree::Context(_) = self.request.tree {
            self.note(&entry::metadata_of(file).at("look at", path)?, selected);
        }
        Ok(())
    }

    fn note(&self, now: &Metadata, selected: &Metadata) {
        if !now.is_unchanged_since(selected) {
            self.changed.store(true, Ordering::Relaxed);
        }
    }

    fn attributes(&self, metadata: &Metadata) -> Attributes {
        let (uid, gid) = self.request.owner_of(metadata);
        let mode = self.request.mode_of(metadata);
        Attributes { mode, uid, gid, mtime: metadata.mtime.0, ..Attributes::default() }
    }
}

fn lock(learned: &Mutex<Learned>) -> MutexGuard<'_, Learned> {
    learned.lock().unwrap_or_else(PoisonError::into_inner)
}

fn count(node: &Node) -> usize {
    1 + node.children.iter().map(count).sum::<usize>()
}

impl Graft for CopyGraft<'_> {
    fn directory(&self) -> &Path {
        &self.directory
    }

    fn write(&self, out: &mut GraftWriter<'_, '_>) -> Result<(), LayerError> {
        let walk = Walk::new(self);
        read::ahead(walk, |found| Writer { graft: self, buffer: RefCell::default() }.inside(found, out))
    }
}

/// Writes what has been found.
struct Writer<'a> {
    graft: &'a CopyGraft<'a>,
    buffer: RefCell<Vec<u8>>,
}

impl Writer<'_> {
    /// Writes entries up to the end of the directory that they are in.
    fn inside(
        &self,
        found: &mut dyn Iterator<Item = Result<Found<'_>, LayerError>>,
        out: &mut GraftWriter<'_, '_>,
    ) -> Result<(), LayerError> {
        while let Some(next) = found.next() {
            self.graft.cancel.check()?;
            let Found { path, attributes, kind } = next?;
            match kind {
                FoundKind::Directory => out.directory(&path, attributes, |out| self.inside(found, out))?,
                FoundKind::EndOfDirectory => return Ok(()),
                FoundKind::Symlink(target) => out.symlink(&path, attributes, &target)?,
                FoundKind::Hardlink(first) => out.hardlink(&path, attributes, &first)?,
                FoundKind::File { content, several } => self.file(&path, attributes, content, several, out)?,
            }
        }
        Ok(())
    }

    fn file(
        &self,
        path: &Path,
        attributes: Attributes,
        content: FoundContent<'_>,
        several: bool,
        out: &mut GraftWriter<'_, '_>,
    ) -> Result<(), LayerError> {
        match content {
            FoundContent::Read(bytes, digest) => bytes_of(path, attributes, &bytes, &digest, several, out),
            FoundContent::Open { mut file, size, selected, learner } => {
                let digest = if size <= SMALL_BYTES {
                    let mut buffer = self.buffer.borrow_mut();
                    buffer.clear();
                    (&mut file).take(SMALL_BYTES + 1).read_to_end(&mut buffer).at("read", path)?;
                    if buffer.len() as u64 > SMALL_BYTES {
                        // It grows while it is read.
                        return Err(LayerError::Changed { path: path.to_owned(), expected: size });
                    }
                    let digest = *blake3::hash(&buffer).as_bytes();
                    bytes_of(path, attributes, &buffer, &digest, several, out)?;
                    Some(digest)
                } else {
                    large(path, Attributes { size, ..attributes }, &mut file, several, out)?
                };
                if let Some(learner) = learner {
                    let digest = match digest {
                        Some(digest) => digest,
                        None => self.read_again(&mut file, path)?,
                    };
                    self.graft.learn(learner.number, || Content::of_file(&learner.xattrs, size, &digest));
                }
                self.graft.look_again(&file, path, selected)
            }
        }
    }

    /// Of a file that is below the layer there is nothing to write.
    fn read_again(&self, file: &mut File, path: &Path) -> Result<[u8; 32], LayerError> {
        file.rewind().at("read", path)?;
        let hashed = content::hash_file(file, &mut self.buffer.borrow_mut(), self.graft.cancel, path);
        hashed.map(|(_, digest)| digest).map_err(|_| LayerError::Unsuited { path: path.to_owned() })
    }
}

fn bytes_of(
    path: &Path,
    attributes: Attributes,
    bytes: &[u8],
    digest: &[u8; 32],
    several: bool,
    out: &mut GraftWriter<'_, '_>,
) -> Result<(), LayerError> {
    let attributes = Attributes { size: bytes.len() as u64, ..attributes };
    if several || !out.is_below(path, &attributes, &mut Cursor::new(bytes))? {
        out.bytes(path, attributes, bytes, digest)?;
    }
    Ok(())
}

/// Writes a file of any size; returns its BLAKE3 where it was written.
fn large(
    path: &Path,
    attributes: Attributes,
    file: &mut File,
    several: bool,
    out: &mut GraftWriter<'_, '_>,
) -> Result<Option<[u8; 32]>, LayerError> {
    if !several && out.is_below(path, &attributes, &mut (&mut *file).take(attributes.size))? {
        return Ok(None);
    }
    file.rewind().at("read", path)?;
    out.file(path, attributes, &mut file.take(attributes.size)).map(Some)
}
