//! One file an operation: what its key is, and how it is carried out.

mod copy;
mod mount_error;
mod mounts;
mod remote;
mod run;
mod run_help;
mod source;
mod workdir;

use std::collections::BTreeMap;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use super::{SolveError, SolveInputs, Solver, StepError, StepLayer, StepResult};
use crate::cache::{CacheKey, FilesystemContent, KeyBuilder, KeyPart};
use crate::cancel::CancelToken;
use crate::event::Event;
use crate::fs::root::RootDir;
use crate::plan::Vertex;
use crate::plan::op::{FilesystemRef, Op};
use crate::snapshot::{ActiveSnapshot, CommitOptions};
use crate::store::CacheRecord;
use crate::text::Span;

/// One vertex about to be carried out.
pub(super) struct Step<'s, 'a> {
    pub(super) solver: &'s Solver<'a>,
    pub(super) inputs: &'s SolveInputs<'a>,
    pub(super) vertex: &'s Vertex,
    /// The results of its inputs, by vertex number.
    pub(super) results: &'s BTreeMap<usize, StepResult>,
    pub(super) cancel: &'s CancelToken,
}

/// Why a step failed and, where known, which operand is to blame.
struct Failure {
    cause: StepError,
    span: Option<Span>,
}

impl<E: Into<StepError>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self { cause: error.into(), span: None }
    }
}

type Outcome<T> = Result<T, Failure>;

impl Step<'_, '_> {
    pub(super) fn carry_out(&self) -> Result<StepResult, Box<SolveError>> {
        let outcome = self.cancel.check().map_err(Failure::from).and_then(|()| match &self.vertex.op {
            Op::Image(op) => self.image(op),
            Op::Host(op) => self.host(op),
            Op::Remote(source) => self.remote(source),
            Op::Run(op) => self.run(op),
            Op::Copy(op) => self.copy(op),
            Op::Workdir(op) => self.workdir(op),
        });
        outcome.map_err(|failure| {
            Box::new(SolveError {
                vertex: self.vertex.id,
                name: self.vertex.name.clone(),
                span: failure.span.unwrap_or(self.vertex.span),
                cause: failure.cause,
            })
        })
    }

    fn filesystem(&self, reference: FilesystemRef) -> Outcome<StepResult> {
        match reference {
            FilesystemRef::Scratch => Ok(StepResult::empty()),
            FilesystemRef::Vertex(id) => self
                .results
                .get(&id.index())
                .cloned()
                .ok_or_else(|| StepError::MissingInput(format!("vertex {id}")).into()),
        }
    }

    fn started(&self) {
        self.solver.events.emit(Event::StepStarted { id: self.vertex.id });
    }

    /// A key for an operation on a parent. Clamped layers differ from unclamped ones, so the clamp is a part.
    fn key(&self, kind: &str, parent: FilesystemContent) -> KeyBuilder {
        let mut key = KeyBuilder::new(kind);
        key.number("source date epoch", self.solver.options.source_date_epoch).digest("parent", &parent.0);
        key
    }

    /// Looks a key up; a record counts only while its layer can be used on this parent.
    fn cached(&self, key: &CacheKey, parent: &StepResult) -> Outcome<Option<StepResult>> {
        let options = &self.solver.options;
        if options.no_cache || options.no_cache_stages.contains(&self.vertex.stage) {
            return Ok(None);
        }
        let Some(record) = self.solver.store.cache_record(&key.0)? else { return Ok(None) };
        let diff_ids = appended(parent, &record);
        let usable =
            self.solver.snapshots.has(&diff_ids)? || self.solver.snapshots.adopt(&parent.diff_ids, &record.diff_id)?;
        Ok(usable.then(|| result(parent, diff_ids, &record, true)))
    }

    fn begin(&self, parent: &StepResult) -> Outcome<ActiveSnapshot> {
        Ok(self.solver.snapshots.begin(&parent.diff_ids)?)
    }

    /// Turns what an operation left in its upper directory into a layer, and records it under its keys.
    fn commit(
        &self,
        active: ActiveSnapshot,
        parent: &StepResult,
        keys: &[(CacheKey, Vec<KeyPart>)],
    ) -> Outcome<StepResult> {
        let options = CommitOptions { clamp: self.solver.options.source_date_epoch };
        let layer = active.commit(&options, self.cancel)?;
        let mut record = CacheRecord {
            diff_id: layer.diff_id,
            content: layer.content,
            size: layer.size,
            created: self.solver.options.now,
            parts: String::new(),
        };
        for (key, parts) in keys {
            record.parts = serde_json::to_string(parts).unwrap_or_default();
            self.solver.store.put_cache_record(&key.0, &record)?;
        }
        let diff_ids = appended(parent, &record);
        Ok(result(parent, diff_ids, &record, false))
    }
}

fn appended(parent: &StepResult, record: &CacheRecord) -> Arc<[crate::digest::Digest]> {
    parent.diff_ids.iter().copied().chain([record.diff_id]).collect()
}

fn result(
    parent: &StepResult,
    diff_ids: Arc<[crate::digest::Digest]>,
    record: &CacheRecord,
    cached: bool,
) -> StepResult {
    StepResult {
        diff_ids,
        content: parent.content.with_layer(&record.content),
        layer: Some(StepLayer { diff_id: record.diff_id, size: record.size, created: record.created }),
        cached,
    }
}

fn root_of(mount: &OwnedFd) -> Outcome<RootDir> {
    let descriptor = mount.try_clone().map_err(|source| crate::fs::PathError {
        operation: "duplicate the descriptor of",
        path: "/".into(),
        source,
    })?;
    Ok(RootDir::from_fd(descriptor))
}
