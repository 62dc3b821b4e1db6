//! A build that is ready to run, with as many attempts as it has shared caches that are broken.

use std::collections::BTreeMap;
use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use super::build::built;
use super::outputs::{Results, Streams, Written};
use super::prepare::{Prepared, Tasks};
use super::shared_cache::{self, Steps, Watch};
use super::{BuildError, BuildErrorKind, BuildOptions, Builder, CacheTarget};
use crate::cache::shared::SharedCache;
use crate::cancel::CancelToken;
use crate::event::EventSink;
use crate::explanation::ExplainedStep;
use crate::ids::VertexId;
use crate::image::Attestation;
use crate::platform::Platform;
use crate::snapshot::{SnapshotError, Snapshots};
use crate::solve::{Disproof, SolveInputs, SolveOptions, Solved, Solver, StepResult, Watcher};
use crate::store::{Syncing, damaged_blob};

/// A build that is ready to run.
pub(super) struct Run<'r> {
    pub(super) options: &'r BuildOptions,
    pub(super) prepared: &'r Prepared,
    pub(super) tasks: &'r Tasks<'r>,
    pub(super) events: &'r dyn EventSink,
    pub(super) solve_options: &'r SolveOptions,
    pub(super) snapshots: &'r Snapshots,
    pub(super) inputs: SolveInputs<'r>,
    pub(super) shared: &'r SharedCache<'r>,
    pub(super) watch: &'r Watch<'r>,
    pub(super) epoch: Option<i64>,
    pub(super) begin: Instant,
}

/// What a build did that succeeded.
pub(super) struct Attempt {
    pub(super) results: Vec<StepResult>,
    pub(super) explanations: Vec<ExplainedStep>,
    pub(super) provenance: Vec<(Platform, serde_json::Value)>,
    pub(super) written: Written,
    /// Works until it is dropped.
    pub(super) syncing: Syncing,
}

/// How many layers that somebody edited one build makes again.
const MAX_EDITED: usize = 100;

impl Builder {
    /// Attempts a build, and again without each shared cache that turns out to be broken, and for each damaged blob. What
    /// went to standard output or into a pipe cannot be taken back.
    pub(super) fn attempts(
        &self,
        run: &Run<'_>,
        stdout: Option<&mut (dyn Write + Send)>,
        cancel: &CancelToken,
    ) -> Result<Attempt, BuildError> {
        let mut streams = Streams { stdout, begun: false };
        let mut forgotten = 0;
        let attempt = || {
            // What a cache promised and does not have is made here: everything else is in the store by now.
            loop {
                let left = Mutex::default();
                let error = match self.attempt(run, &left, &mut streams, cancel) {
                    Ok(attempt) => return Ok(attempt),
                    Err(error) => error,
                };
                let is_written = streams.begun;
                let left = left.into_inner().unwrap_or_else(PoisonError::into_inner);
                let blamed = || shared_cache::to_blame(&error).or_else(|| self.lied(run, &error, &left, cancel));
                if is_written {
                    return Err((error, is_written));
                }
                if let Some((cache, why)) = blamed() {
                    if !run.shared.distrust(cache, &why) {
                        return Err((error, is_written));
                    }
                    self.snapshots.forget_cache(cache);
                } else if forgotten < MAX_EDITED
                    && matches!(shared_cache::of_snapshots(error.kind()), Some(SnapshotError::Changed { .. }))
                {
                    // The layer is forgotten, and is made again; so is what was made of it.
                    forgotten += 1;
                    run.snapshots.look_again();
                    for key in left.values().filter(|result| !result.cached).flat_map(|result| &*result.keys) {
                        self.store.remove_cache_record(&key.0).map_err(|error| (error.into(), is_written))?;
                    }
                } else {
                    return Err((error, is_written));
                }
            }
        };
        // A damaged blob is gone once it is found, and the next attempt makes or fetches it again.
        let outcome = self.snapshots.despite_damage(cancel, attempt, |(error, is_written): &(BuildError, bool)| {
            damaged_blob(error.kind()).filter(|_| !is_written)
        });
        outcome.map_err(|(error, _)| error)
    }

    /// The shared cache whose word a step failed on, where it is shown to be a lie. What the store had from it is taken
    /// back.
    fn lied(
        &self,
        run: &Run<'_>,
        error: &BuildError,
        left: &BTreeMap<usize, StepResult>,
        cancel: &CancelToken,
    ) -> Option<(usize, String)> {
        let BuildErrorKind::Solve { error, .. } = error.kind() else { return None };
        if error.is_cancelled() || cancel.is_cancelled() {
            return None;
        }
        let solver =
            Solver::new(&self.store, run.snapshots, run.solve_options, run.events).with_shared_cache(Some(run.shared));
        let Disproof { cache, step } = solver.disprove(&run.inputs, error.vertex, left, cancel)?;
        // A record that stays is found again: then the build fails as it did.
        let _ = run.shared.take_back(cache, &self.store);
        Some((cache, format!("the layer that it has for `{step}` is another one")))
    }

    /// Runs the steps and writes what is asked for. Nothing is written before everything is here that it needs. `left`
    /// gets what each step leaves.
    fn attempt(
        &self,
        run: &Run<'_>,
        left: &Mutex<BTreeMap<usize, StepResult>>,
        streams: &mut Streams<'_>,
        cancel: &CancelToken,
    ) -> Result<Attempt, BuildError> {
        let Run { options, prepared, epoch, .. } = *run;
        let inline = options.cache_to.iter().any(|export| export.target == CacheTarget::Inline);
        let ahead = super::ahead::Request {
            options,
            plans: &prepared.plans,
            images: &prepared.images,
            tasks: run.tasks,
            cancel,
        };
        let solve = |watcher: &Watcher<'_>| {
            let watcher = |id: VertexId, result: &StepResult| {
                left.lock().unwrap_or_else(PoisonError::into_inner).insert(id.index(), result.clone());
                watcher(id, result);
            };
            let solver = Solver::new(&self.store, run.snapshots, run.solve_options, run.events)
                .about(&prepared.source_file)
                .with_shared_cache((!options.cache_from.is_empty()).then_some(run.shared))
                .with_watcher(&watcher);
            let failed = |error| BuildErrorKind::Solve { source_file: Arc::clone(&prepared.source_file), error };
            let outcome = solver.solve(&run.inputs, cancel).map_err(failed)?;
            let built = prepared.plans.iter().map(|plan| built(prepared, plan, &outcome.results, epoch, inline));
            let built = built.collect::<Result<Vec<_>, _>>()?;
            self.bring(options, &built, run.shared, run.tasks, cancel)?;
            self.bring_for_caches(options, &Steps { results: &outcome.results, built: &built, epoch }, cancel)?;
            Ok((outcome, built))
        };
        let ((Solved { results, explanations }, mut built), compressed) = self.push_ahead(&ahead, solve)?;
        let syncing = self.store.sync_settled()?;
        let mut provenance = Vec::new();
        if let Some(asked) = &options.provenance {
            let elapsed = run.begin.elapsed();
            for (result, plan) in built.iter_mut().zip(&prepared.plans) {
                let predicate = super::provenance::predicate(asked, options, prepared, plan, epoch, elapsed)?;
                provenance.push((plan.platform.clone(), predicate.clone()));
                let predicate_type = asked.version.predicate_type().to_owned();
                result.image.attestations.push(Attestation::New { predicate_type, predicate });
            }
        }
        let to_write = Results { built, index: prepared.index, epoch, compressed };
        let written = self.write_outputs(options, &to_write, run.tasks, streams, cancel)?;
        let steps = Steps { results: &results, built: &to_write.built, epoch };
        self.write_caches(options, &steps, run.watch, cancel)?;
        Ok(Attempt { results, explanations, provenance, written, syncing })
    }
}
