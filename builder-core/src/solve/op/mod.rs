//! One file an operation: what its key is, and how it is carried out.

mod copy;
mod mount_error;
mod mounts;
mod owner;
mod remote;
mod run;
mod run_help;
mod source;
mod workdir;

use std::collections::BTreeMap;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use super::explain::Explainer;
use super::{SolveError, SolveInputs, Solver, StepError, StepLayer, StepResult};
use crate::cache::{CacheKey, FileList, FilesystemContent, KeyBuilder, KeyPart};
use crate::cancel::CancelToken;
use crate::digest::Digest;
use crate::event::{Event, ProgressUnit};
use crate::fs::root::RootDir;
use crate::plan::Vertex;
use crate::plan::op::{CopySource, FilesystemRef, Op};
use crate::snapshot::{ActiveSnapshot, CommitOptions, Layer};
use crate::store::CacheRecord;
use crate::text::Span;

/// One vertex about to be carried out.
pub(super) struct Step<'s, 'a> {
    pub(super) solver: &'s Solver<'a>,
    pub(super) inputs: &'s SolveInputs<'a>,
    pub(super) explainer: &'s Explainer<'s>,
    pub(super) vertex: &'s Vertex,
    /// The results of its inputs, by vertex number.
    pub(super) results: &'s BTreeMap<usize, StepResult>,
    pub(super) cancel: &'s CancelToken,
}

/// Why a step failed and, where known, which operand is to blame.
pub(super) struct Failure {
    cause: StepError,
    span: Option<Span>,
}

impl<E: Into<StepError>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self { cause: error.into(), span: None }
    }
}

pub(super) type Outcome<T> = Result<T, Failure>;

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

    /// No record was found under these keys: the step has to run.
    fn missed(&self, keys: &[(CacheKey, Vec<KeyPart>)], files: Option<FileList>) {
        self.explainer.missed(self.vertex.id, keys, files);
        self.started();
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

    /// Whether the image has a time of its own: then the same build gives the same bits, and times count like content.
    fn is_clamped(&self) -> bool {
        self.solver.options.source_date_epoch.is_some()
    }

    /// Tells whether the step runs whatever the cache has.
    pub(super) fn runs_anyway(&self) -> bool {
        let options = &self.solver.options;
        options.no_cache || options.no_cache_stages.contains(&self.vertex.stage)
    }

    /// Looks a key up; a record counts only while its layer can be used on this parent.
    pub(super) fn cached(&self, key: &(CacheKey, Vec<KeyPart>), parent: &StepResult) -> Outcome<Option<StepResult>> {
        self.find(key, parent, false, &|| None)
    }

    /// Looks up a key that says less than another one which is looked up next.
    fn cached_roughly(&self, key: &(CacheKey, Vec<KeyPart>), parent: &StepResult) -> Outcome<Option<StepResult>> {
        self.find(key, parent, true, &|| None)
    }

    fn find(
        &self,
        key: &(CacheKey, Vec<KeyPart>),
        parent: &StepResult,
        rough: bool,
        files: &dyn Fn() -> Option<FileList>,
    ) -> Outcome<Option<StepResult>> {
        if self.runs_anyway() {
            return Ok(None);
        }
        if let Some(record) = self.solver.store.cache_record(&key.0.0)? {
            let diff_ids = appended(parent, &record);
            if self.is_usable(parent, &diff_ids, &record)? {
                self.explainer.hit(self.vertex.id, &key.0);
                return Ok(Some(result(parent, diff_ids, (&record, self.is_clamped()), &[key.0], true)));
            }
        }
        let Some((found, cache)) = self.shared(key, parent)? else { return Ok(None) };
        self.explainer.shared_hit(self.vertex.id, key, rough, files(), (&cache, found.content));
        Ok(Some(found))
    }

    fn is_usable(&self, parent: &StepResult, diff_ids: &[Digest], record: &CacheRecord) -> Outcome<bool> {
        let snapshots = self.solver.snapshots;
        let files = match self.solver.shared {
            Some(_) => snapshots.can_have(diff_ids)?,
            None => {
                (snapshots.has(diff_ids)? && snapshots.has_tar(diff_ids)?)
                    || snapshots.adopt(&parent.diff_ids, &record.diff_id)?
            }
        };
        // A blob that is not compressed is unpacked by whoever looks into it.
        Ok(files || snapshots.store().has_whole_blob(&record.diff_id, record.size))
    }

    /// Looks a key up in the shared caches, and says in which it is. The layer stays where it is until somebody looks
    /// into it.
    fn shared(
        &self,
        (key, parts): &(CacheKey, Vec<KeyPart>),
        parent: &StepResult,
    ) -> Outcome<Option<(StepResult, String)>> {
        let Some(mut hit) = self.solver.shared.and_then(|shared| shared.lookup(&key.0)) else { return Ok(None) };
        hit.record.parts = serde_json::to_string(parts).unwrap_or_default();
        let diff_ids = appended(parent, &hit.record);
        let (cache, number) = (hit.layer.origin().to_owned(), hit.layer.cache());
        self.solver.snapshots.expect(hit.record.diff_id, hit.layer);
        if !self.solver.snapshots.can_have(&diff_ids)? {
            return Ok(None);
        }
        // Only once the layer is here, and is what the cache says, does the store take its word.
        if let (Some(shared), Some(number)) = (self.solver.shared, number) {
            shared.promise(number, &key.0, &hit.aliases, &hit.record);
        }
        Ok(Some((result(parent, diff_ids, (&hit.record, self.is_clamped()), &[*key], true), cache)))
    }

    /// Makes sure that the layers of a filesystem are here before somebody looks into it.
    fn bring(&self, filesystem: &StepResult) -> Outcome<()> {
        let progress = |digest: &Digest, current: u64, total: u64| {
            self.solver.events.emit(Event::StepProgress {
                id: self.vertex.id,
                item: digest.to_string(),
                current,
                total: Some(total),
                unit: ProgressUnit::Bytes,
            });
        };
        self.solver.snapshots.bring(&filesystem.diff_ids, &progress, self.cancel)?;
        if let Some(shared) = self.solver.shared {
            shared.keep(&filesystem.diff_ids, self.solver.store)?;
        }
        Ok(())
    }

    /// Opens a filesystem for reading.
    fn view(&self, filesystem: &StepResult) -> Outcome<OwnedFd> {
        self.bring(filesystem)?;
        Ok(self.solver.snapshots.view(&filesystem.diff_ids)?)
    }

    /// Opens a filesystem for reading what these sources name, and nothing else.
    fn view_for(&self, filesystem: &StepResult, sources: &[CopySource]) -> Outcome<OwnedFd> {
        let Some(paths) = crate::copy::plain_paths(sources) else { return self.view(filesystem) };
        self.bring(filesystem)?;
        Ok(self.solver.snapshots.view_of(&filesystem.diff_ids, &paths)?)
    }

    /// Whether the layer is wanted as a blob and nobody reads its files: no other step, and no output.
    fn only_blob(&self) -> bool {
        let (id, options) = (self.vertex.id, &self.solver.options);
        let is_read = || self.inputs.plan.vertexes.iter().any(|vertex| vertex.op.inputs().contains(&id));
        options.blobs.contains(&id) && !options.files.contains(&id) && !is_read()
    }

    fn begin(&self, parent: &StepResult) -> Outcome<ActiveSnapshot> {
        self.bring(parent)?;
        Ok(self.solver.snapshots.begin(&parent.diff_ids)?)
    }

    /// Turns what an operation left in its upper directory into a layer, and records it under its keys.
    fn commit(
        &self,
        active: ActiveSnapshot,
        parent: &StepResult,
        keys: &[(CacheKey, Vec<KeyPart>)],
    ) -> Outcome<StepResult> {
        let blob = self.solver.options.blobs.contains(&self.vertex.id);
        let options = CommitOptions { clamp: self.solver.options.source_date_epoch, blob };
        let layer = active.commit(&options, self.cancel)?;
        self.record(&layer, parent, keys)
    }

    /// Records a layer under the keys of the operation that made it.
    fn record(&self, layer: &Layer, parent: &StepResult, keys: &[(CacheKey, Vec<KeyPart>)]) -> Outcome<StepResult> {
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
        let made_keys: Vec<CacheKey> = keys.iter().map(|(key, _)| *key).collect();
        let made = result(parent, appended(parent, &record), (&record, self.is_clamped()), &made_keys, false);
        self.explainer.made(self.vertex.id, keys, made.content);
        Ok(made)
    }
}

fn appended(parent: &StepResult, record: &CacheRecord) -> Arc<[Digest]> {
    parent.diff_ids.iter().copied().chain([record.diff_id]).collect()
}

/// `clamped` says whether times are part of what a layer holds.
fn result(
    parent: &StepResult,
    diff_ids: Arc<[Digest]>,
    (record, clamped): (&CacheRecord, bool),
    keys: &[CacheKey],
    cached: bool,
) -> StepResult {
    StepResult {
        diff_ids,
        content: parent.content.with_layer(&record.content, clamped.then_some(&record.diff_id)),
        layer: Some(StepLayer {
            diff_id: record.diff_id,
            content: record.content,
            size: record.size,
            created: record.created,
        }),
        cached,
        keys: keys.into(),
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
