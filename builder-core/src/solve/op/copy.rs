//! `COPY` and `ADD`.
//!
//! A copy has two keys. The cheap one, for files of another stage, names the whole of that stage's
//! filesystem; the exact one names just the selected files. Either leads to the record.
//!
//! With `--link` nothing is below: the files go into an empty directory, which is the layer, and no key has the
//! filesystem that the layer lies on. So a new base needs no new copy.

use std::cell::Cell;

use super::{Failure, Outcome, Step, root_of};
use crate::build_context::Context;
use crate::build_context::fingerprints::Fingerprints;
use crate::cache::{CacheKey, FileList, FilesystemContent, KeyBuilder, KeyPart};
use crate::copy::{self, ContentDigest, CopiedDevices, CopyError, CopyRequest, CopyTree, Selection};
use crate::fs::accounts::resolve_owner;
use crate::fs::root::RootDir;
use crate::layer::{LeftOut, OverlayFlavor};
use crate::plan::op::{CopyFrom, CopyOp, CopyPart, CopySource};
use crate::snapshot::{ActiveSnapshot, WrittenLayer};
use crate::solve::{StepError, StepResult};

/// A part of a copy with the tree that it is taken from.
struct Opened<'o> {
    part: &'o CopyPart,
    tree: Tree<'o>,
    /// Device nodes that its files do not show.
    left_out: LeftOut,
}

enum Tree<'o> {
    Context(&'o Context),
    Stage(RootDir, Fingerprints),
}

impl Opened<'_> {
    fn tree(&self) -> CopyTree<'_> {
        match &self.tree {
            Tree::Context(context) => CopyTree::Context(context),
            Tree::Stage(root, fingerprints) => CopyTree::Stage(root, fingerprints),
        }
    }
}

/// A copy about to be done.
struct Work<'w> {
    op: &'w CopyOp,
    parent: &'w StepResult,
    opened: &'w [Opened<'w>],
    /// What each of them selects.
    selections: &'w [Selection],
    /// The device nodes that come along.
    devices: &'w [CopiedDevices],
    /// Whether it was said that the owner is not known.
    warned: Cell<bool>,
    /// Whether it was begun, and tried in vain, to write the layer straight from where the files are.
    begun: Cell<bool>,
}

/// A layer that was written straight from where its files are.
struct Written {
    layer: WrittenLayer,
    /// Whether a file of a context changed meanwhile.
    changed: bool,
    /// What was read, where that was to be learnt.
    content: Option<ContentDigest>,
}

impl Work<'_> {
    /// The filesystem that the files come into.
    fn root(&self, active: &ActiveSnapshot) -> Outcome<RootDir> {
        Ok(if self.op.link { RootDir::open(active.upper())? } else { mounted(active)? })
    }
}

impl Step<'_, '_> {
    pub(super) fn copy(&self, op: &CopyOp) -> Outcome<StepResult> {
        let parent = self.filesystem(op.parent)?;
        let mut keys = Vec::new();
        if let Some(key) = self.filesystems_key(op, &parent)? {
            keys.push(key);
            if let Some(result) = self.cached_roughly(&keys[0], &parent)? {
                return Ok(result);
            }
        }
        let opened: Vec<Opened<'_>> = op.parts.iter().map(|part| self.open(part)).collect::<Outcome<_>>()?;
        // All of them before anything is written: a missing one leaves no half of a copy.
        let mut selections = Vec::new();
        let mut devices = Vec::new();
        for opened in &opened {
            let (sources, left_out) = (&opened.part.sources, &opened.left_out);
            let selection = copy::refuse_named(&opened.tree(), sources, left_out)
                .and_then(|()| Selection::find(&opened.tree(), sources, &op.exclude, self.cancel));
            let selection = selection.map_err(|error| self.blame(opened.part, error))?;
            let found = CopiedDevices::find(left_out, sources, &op.exclude, &selection, op.link);
            devices.push(found.map_err(|error| self.blame(opened.part, error))?);
            selections.push(selection);
        }
        let (warned, begun) = (Cell::new(false), Cell::new(false));
        let (opened, selections, devices) = (&*opened, &*selections, &*devices);
        let work = Work { op, parent: &parent, opened, selections, devices, warned, begun };
        if let [rough] = &*keys
            && let Some(result) = self.copy_once(&work, rough)?
        {
            return Ok(result);
        }
        let mut contents = Vec::new();
        for (opened, selection) in opened.iter().zip(selections) {
            let content = copy::content_digest(&opened.tree(), &opened.part.sources, selection, self.cancel);
            contents.push(content.map_err(|error| self.blame(opened.part, error))?);
        }
        self.remember(opened);
        keys.push(self.exact_key(&work, &contents));
        let list = || listed(&contents);
        if let Some(exact) = keys.last()
            && let Some(result) = self.find(exact, &parent, false, &|| Some(list()))?
        {
            return Ok(result);
        }
        let files = list();
        drop(contents);
        self.unless_another_does(&keys, &parent, || {
            if work.begun.get() {
                self.explainer.missed(self.vertex.id, &keys, Some(files));
            } else {
                self.missed(&keys, Some(files));
            }
            // Where somebody edited a file after it was hashed, the layer holds what the key does not say. It is right
            // for this build, but no later one may find it.
            if let Some(written) = self.copy_straight(&work, false)? {
                return self.record(&written.layer.publish()?, &parent, if written.changed { &[] } else { &keys });
            }
            let active = self.begin_copy(&work)?;
            let (changed, left_out) = self.copy_into(&work, &active)?;
            let keys: &[_] = if changed { &[] } else { &keys };
            if left_out.is_empty() {
                return self.commit(active, &parent, keys);
            }
            let layer = active.commit_beside(&left_out, self.solver.options.source_date_epoch, self.cancel)?;
            self.record(&layer, &parent, keys)
        })
    }

    /// Writes the layer of a copy between stages and learns its exact key on the way, so that files are read once.
    ///
    /// Nothing where that cannot be done, or where there may be a record under the exact key: to look that up, the
    /// files have to be read before anything is written.
    fn copy_once(&self, work: &Work<'_>, rough: &(CacheKey, Vec<KeyPart>)) -> Outcome<Option<StepResult>> {
        let is_new = self.runs_anyway() || self.solver.shared.is_none() && self.explainer.is_new(self.vertex.id);
        if !is_new || !self.can_go_straight(work) {
            return Ok(None);
        }
        let store = self.solver.store;
        let anyway = self.runs_anyway();
        let _lock = if anyway { store.try_lock_step(&rough.0.0)? } else { Some(self.lock_or_wait(&rough.0)?) };
        if let Some(result) = self.cached_roughly(rough, work.parent)? {
            return Ok(Some(result));
        }
        self.started();
        let Some(Written { layer, content: Some(content), .. }) = self.copy_straight(work, true)? else {
            work.begun.set(true);
            return Ok(None);
        };
        let contents = [content];
        let keys = [rough.clone(), self.exact_key(work, &contents)];
        let list = || Some(listed(&contents));
        if let Some(result) = self.find(&keys[1], work.parent, false, &list)? {
            return Ok(Some(result));
        }
        self.remember(work.opened);
        self.explainer.missed(self.vertex.id, &keys, list());
        self.record(&layer.publish()?, work.parent, &keys).map(Some)
    }

    /// A copy with `--link` is found by its key on whatever it lies on, so it may not depend on that.
    fn begin_copy(&self, work: &Work<'_>) -> Outcome<ActiveSnapshot> {
        let active = self.begin(work.parent)?;
        Ok(if work.op.link { active.independent() } else { active })
    }

    fn can_go_straight(&self, work: &Work<'_>) -> bool {
        // Whether a user may give files away is told by doing it.
        let is_root = self.solver.snapshots.flavor() == OverlayFlavor::Trusted;
        let has_devices = work.devices.iter().any(|devices| !devices.is_empty());
        let may = is_root || work.op.owner.is_none();
        !work.begun.get() && work.opened.len() == 1 && !has_devices && self.only_blob() && may
    }

    /// Writes the layer of a copy whose files nobody reads straight from where they are. Nothing where that cannot be
    /// done, or fails: then the copy says why.
    fn copy_straight(&self, work: &Work<'_>, learning: bool) -> Outcome<Option<Written>> {
        let ([opened], [selection], true) = (work.opened, work.selections, self.can_go_straight(work)) else {
            return Ok(None);
        };
        let active = self.begin_copy(work)?;
        let root = work.root(&active)?;
        let request = self.request(work, opened, &root)?;
        let Ok(Some(graft)) = copy::graft(request, selection, self.cancel) else { return Ok(None) };
        let graft = if learning { graft.learning() } else { graft };
        match active.commit_graft(&graft, self.solver.options.source_date_epoch, self.cancel) {
            Err(error) if error.is_cancelled() => Err(error.into()),
            Err(_) => Ok(None),
            Ok(layer) => {
                // Filesystems of stages never change.
                let changed = graft.changed() && matches!(opened.tree, Tree::Context(_));
                Ok(Some(Written { layer, changed, content: graft.content_digest() }))
            }
        }
    }

    /// Copies the files, and tells whether one of a context changed meanwhile, and which device nodes the layer has
    /// besides.
    fn copy_into(&self, work: &Work<'_>, active: &ActiveSnapshot) -> Outcome<(bool, LeftOut)> {
        let root = work.root(active)?;
        let upper = RootDir::open(active.upper())?;
        let mut changed = false;
        for ((opened, selection), devices) in work.opened.iter().zip(work.selections).zip(work.devices) {
            let mut request = self.request(work, opened, &root)?;
            request.devices = Some(devices).filter(|devices| !devices.is_empty());
            // The overlay has to see what the part before put there, and what takes the place of a node.
            request.upper = Some(&upper).filter(|_| work.opened.len() == 1 && devices.is_empty());
            let outcome = copy::run(&request, selection, self.cancel);
            let outcome = outcome.map_err(|error| self.blame(opened.part, error))?;
            // Filesystems of stages never change.
            changed |= outcome.changed && matches!(opened.tree, Tree::Context(_));
        }
        let mut left_out = LeftOut::default();
        for devices in work.devices {
            devices.add_to(&mut left_out, &root)?;
        }
        Ok((changed, left_out))
    }

    fn request<'r>(&self, work: &Work<'r>, opened: &'r Opened<'r>, root: &'r RootDir) -> Outcome<CopyRequest<'r>> {
        let op = work.op;
        let mut request = CopyRequest::new(opened.tree(), &opened.part.sources, root, &op.destination);
        if let Some(owner) = &op.owner {
            // With nothing below there is no passwd file to look names up in.
            let below = !op.link && !work.parent.diff_ids.is_empty();
            let owner = resolve_owner(below.then_some(root), owner)?;
            request.owner = Some((owner.uid, owner.gid));
            // One copy asks several times.
            if !work.warned.replace(true) {
                self.warn_of_unknown(&owner);
            }
        }
        request.mode = op.mode.as_ref();
        request.unpack = opened.part.unpack;
        request.created_mtime = self.solver.options.source_date_epoch;
        Ok(request)
    }

    /// Keeps what was learned about files. It is an aid: where that fails, the next build reads more.
    fn remember(&self, opened: &[Opened<'_>]) {
        let all = opened.iter().filter_map(|opened| match &opened.tree {
            Tree::Context(context) => context.fingerprints(),
            Tree::Stage(_, fingerprints) => Some(fingerprints),
        });
        for fingerprints in all.filter(|fingerprints| fingerprints.has_news()) {
            let _aid = self.solver.store.work_dir().map(|work| fingerprints.save(work.path()));
        }
    }

    /// The cheap key: there is one where nothing is taken from a context.
    fn filesystems_key(&self, op: &CopyOp, parent: &StepResult) -> Outcome<Option<(CacheKey, Vec<KeyPart>)>> {
        let mut key = self.copy_key(op, parent);
        for part in &op.parts {
            let CopyFrom::Filesystem(reference) = &part.from else { return Ok(None) };
            key.digest("source filesystem", &self.filesystem(*reference)?.content.0)
                .text("unpack", if part.unpack { "yes" } else { "no" })
                .list("source path", source_paths(part).into_iter());
        }
        Ok(Some(key.finish()))
    }

    fn open<'o>(&'o self, part: &'o CopyPart) -> Outcome<Opened<'o>> {
        let mut left_out = LeftOut::default();
        let tree = match &part.from {
            CopyFrom::Context(name) => {
                let context = self.inputs.contexts.get(name);
                let context = context.ok_or_else(|| StepError::MissingInput(format!("context `{name}`")))?;
                context.use_fingerprints(&self.solver.store.fingerprints_dir());
                Tree::Context(context)
            }
            CopyFrom::Filesystem(reference) => {
                let source = self.filesystem(*reference)?;
                let view = self.view_for(&source, &part.sources)?;
                left_out = self.solver.snapshots.left_out(&source.diff_ids)?;
                let name: Vec<u8> = source.diff_ids.iter().flat_map(|layer| *layer.as_bytes()).collect();
                let fingerprints = Fingerprints::of_stage(&self.solver.store.fingerprints_dir(), &name);
                Tree::Stage(RootDir::from_fd(view), fingerprints)
            }
        };
        Ok(Opened { part, tree, left_out })
    }

    /// The exact key: it names the files that are selected.
    fn exact_key(&self, work: &Work<'_>, contents: &[ContentDigest]) -> (CacheKey, Vec<KeyPart>) {
        let mut key = self.copy_key(work.op, work.parent);
        for Opened { part, .. } in work.opened {
            key.text("unpack", if part.unpack { "yes" } else { "no" });
        }
        for devices in work.devices.iter().filter(|devices| !devices.is_empty()) {
            key.digest("device nodes", &devices.digest());
        }
        for ((opened, selection), selected) in work.opened.iter().zip(work.selections).zip(contents) {
            key.text("owners of files", if opened.tree().keeps_owner() { "kept" } else { "dropped" });
            key.digest("files", &selected.digest);
            let clamp = self.solver.options.source_date_epoch;
            if let Some(times) = clamp.and_then(|clamp| copy::times_digest(selection, clamp)) {
                key.digest("older times", &times);
            }
            for source in &selected.sources {
                key.digest(&format!("source {}", source.path), &source.digest);
            }
        }
        key.finish()
    }

    /// What both keys have in common.
    fn copy_key(&self, op: &CopyOp, parent: &StepResult) -> KeyBuilder {
        let mut key = if op.link {
            self.key("linked copy", FilesystemContent::empty())
        } else {
            self.key("copy", parent.content)
        };
        key.text("destination", &op.destination)
            .text("owner", op.owner.as_deref().unwrap_or(""))
            .text("mode", &op.mode.as_ref().map(ToString::to_string).unwrap_or_default())
            .list("exclude", op.exclude.iter().map(String::as_str));
        key
    }

    fn blame(&self, part: &CopyPart, error: CopyError) -> Failure {
        let span = error.source_index().and_then(|index| part.sources.get(index)).and_then(CopySource::span);
        // A trigger of a base image has its operands in another text; the plan gives the `FROM` for them.
        Failure { cause: StepError::Copy(error), span: span.or(Some(self.vertex.span)) }
    }
}

fn listed(contents: &[ContentDigest]) -> FileList {
    let mut files = FileList::default();
    for content in contents {
        files.add(content);
    }
    files
}

fn mounted(active: &ActiveSnapshot) -> Outcome<RootDir> {
    root_of(&active.mount(None)?)
}

fn source_paths(part: &CopyPart) -> Vec<&str> {
    part.sources
        .iter()
        .flat_map(|source| match source {
            CopySource::Path { path, .. } => ["path", path.as_str(), ""],
            CopySource::Parents { base, pattern, .. } => ["pattern", base.as_str(), pattern.as_str()],
            CopySource::Inline { name, content } => ["inline", name.as_str(), content.as_str()],
        })
        .collect()
}
