//! `COPY` and `ADD`.
//!
//! A copy has two keys. The cheap one, for files of another stage, names the whole of that stage's
//! filesystem; the exact one names just the selected files. Either leads to the record.
//!
//! With `--link` nothing is below: the files go into an empty directory, which is the layer, and no key has the
//! filesystem that the layer lies on. So a new base needs no new copy.

use super::{Failure, Outcome, Step, root_of};
use crate::cache::{FilesystemContent, KeyBuilder};
use crate::copy::{self, CopyError, CopyRequest, CopyTree, Selection};
use crate::fs::accounts::resolve_owner;
use crate::fs::root::RootDir;
use crate::plan::op::{CopyFrom, CopyOp, CopySource};
use crate::snapshot::ActiveSnapshot;
use crate::solve::{StepError, StepResult};

impl Step<'_, '_> {
    pub(super) fn copy(&self, op: &CopyOp) -> Outcome<StepResult> {
        let parent = self.filesystem(op.parent)?;
        let mut keys = Vec::new();
        let source = match &op.from {
            CopyFrom::Context(_) => None,
            CopyFrom::Filesystem(reference) => Some(self.filesystem(*reference)?),
        };
        if let Some(source) = &source {
            let mut key = self.copy_key(op, &parent);
            key.digest("source filesystem", &source.content.0);
            key.list("source path", source_paths(op).into_iter());
            keys.push(key.finish());
            if let Some(result) = self.cached(&keys[0].0, &parent)? {
                return Ok(result);
            }
        }
        let view;
        let tree = match (&op.from, &source) {
            (CopyFrom::Context(name), _) => {
                let context = self.inputs.contexts.get(name);
                CopyTree::Context(context.ok_or_else(|| StepError::MissingInput(format!("context `{name}`")))?)
            }
            (CopyFrom::Filesystem(_), source) => {
                let diff_ids = source.as_ref().map(|source| &*source.diff_ids).unwrap_or_default();
                view = RootDir::from_fd(self.solver.snapshots.view(diff_ids)?);
                CopyTree::Filesystem(&view)
            }
        };
        let selection =
            Selection::find(&tree, &op.sources, &op.exclude, self.cancel).map_err(|error| self.blame(op, error))?;
        let selected =
            copy::content_digest(&tree, &op.sources, &selection, self.cancel).map_err(|error| self.blame(op, error))?;
        let mut key = self.copy_key(op, &parent);
        key.digest("files", &selected.digest);
        for part in &selected.sources {
            key.digest(&format!("source {}", part.path), &part.digest);
        }
        keys.push(key.finish());
        if let Some((exact, _)) = keys.last()
            && let Some(result) = self.cached(exact, &parent)?
        {
            return Ok(result);
        }
        self.started();
        let active = self.begin(&parent)?;
        let outcome = {
            let root = if op.link { RootDir::open(active.upper())? } else { mounted(&active)? };
            let owner = match &op.owner {
                None => None,
                Some(owner) => {
                    // With nothing below there is no passwd file to look names up in.
                    let below = !op.link && !parent.diff_ids.is_empty();
                    Some(resolve_owner(below.then_some(&root), owner)?)
                }
            };
            let mut request = CopyRequest::new(tree, &op.sources, &root, &op.destination);
            request.owner = owner;
            request.mode = op.mode.as_ref();
            request.unpack = op.unpack;
            request.created_mtime = self.solver.options.source_date_epoch;
            copy::run(&request, &selection, self.cancel).map_err(|error| self.blame(op, error))?
        };
        if outcome.changed && matches!(op.from, CopyFrom::Context(_)) {
            // Somebody edited a file after it was hashed: the layer holds what the key does not say. It is right for
            // this build, but no later one may find it. Filesystems of stages never change.
            keys.clear();
        }
        self.commit(active, &parent, &keys)
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
            .list("exclude", op.exclude.iter().map(String::as_str))
            .text("unpack", if op.unpack { "yes" } else { "no" })
            .text("owners of files", if matches!(op.from, CopyFrom::Context(_)) { "dropped" } else { "kept" });
        key
    }

    fn blame(&self, op: &CopyOp, error: CopyError) -> Failure {
        let span = error.source_index().and_then(|index| op.sources.get(index)).and_then(CopySource::span);
        // A trigger of a base image has its operands in another text; the plan gives the `FROM` for them.
        Failure { cause: StepError::Copy(error), span: span.or(Some(self.vertex.span)) }
    }
}

fn mounted(active: &ActiveSnapshot) -> Outcome<RootDir> {
    root_of(&active.mount(None)?)
}

fn source_paths(op: &CopyOp) -> Vec<&str> {
    op.sources
        .iter()
        .flat_map(|source| match source {
            CopySource::Path { path, .. } => ["path", path.as_str(), ""],
            CopySource::Parents { base, pattern, .. } => ["pattern", base.as_str(), pattern.as_str()],
            CopySource::Inline { name, content } => ["inline", name.as_str(), content.as_str()],
        })
        .collect()
}
