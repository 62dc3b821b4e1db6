//! A COPY whose files go straight from where they are into the archive of the layer, for a layer that no step reads.

mod walk;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use self::walk::Walk;
use super::content::{self, Content, ContentDigest};
use super::{CopyRequest, CopyTree, select::Selected};
use crate::build_context::scan::Node;
use crate::cancel::CancelToken;
use crate::fs::PathContext;
use crate::fs::entry::{self, Metadata};
use crate::layer::{Attributes, Graft, GraftWriter, LayerError};
use crate::plan::op::CopySource;

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

    /// Looks at what was read once more, and tells whether it is what it was; a filesystem of a stage never changes.
    fn look_again(&self, file: impl AsFd, path: &Path, selected: &Metadata) -> Result<bool, LayerError> {
        match self.request.tree {
            CopyTree::Context(_) => Ok(self.note(&entry::metadata_of(file).at("look at", path)?, selected)),
            CopyTree::Filesystem(_) | CopyTree::Stage(..) => Ok(true),
        }
    }

    fn note(&self, now: &Metadata, selected: &Metadata) -> bool {
        let is_same = now.is_unchanged_since(selected);
        if !is_same {
            self.changed.store(true, Ordering::Relaxed);
        }
        is_same
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
        Walk::new(self).all(out)
    }
}
