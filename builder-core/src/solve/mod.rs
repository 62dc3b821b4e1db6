//! Carries out a plan: every vertex once, from the cache where its key is known, else for real.
//!
//! The solver keeps no state of its own between builds: results are layers in the snapshot store, and
//! records in the cache. A vertex that fails stops the build; what other vertexes have finished stays.

mod disprove;
mod error;
mod explain;
mod keeper;
mod log_limit;
mod log_tail;
mod op;
mod scheduler;
mod share;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

pub use disprove::Disproof;
pub use error::{SolveError, StepError};
pub use keeper::{Keeper, Kept, Watch};

use crate::build_context::Context;
use crate::cache::shared::SharedCache;
use crate::cache::{CacheKey, FilesystemContent};
use crate::cancel::{CancelToken, Cancelled};
use crate::digest::Digest;
use crate::event::{Event, EventSink, StepStatus};
use crate::explanation::{BuildRecord, ExplainedStep};
use crate::ids::VertexId;
use crate::plan::Plan;
use crate::plan::op::ImageKey;
use crate::sandbox::{ResolvConf, Resources, Ulimit};
use crate::secret::{SecretSource, SshSource};
use crate::snapshot::Snapshots;
use crate::source::Resolved;
use crate::store::Store;
use crate::text::SourceFile;
use explain::Explainer;
pub use log_limit::LogLimits;
use scheduler::{Control, Stopped, run_graph};

/// What all RUN steps of a build are given and limited to.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct RunOptions {
    /// `--shm-size`, in bytes.
    pub shm_bytes: Option<u64>,
    /// `--ulimit`.
    pub ulimits: Vec<Ulimit>,
    /// `--add-host`: pairs of name and address.
    pub extra_hosts: Vec<(String, String)>,
    /// Limits by control groups.
    pub resources: Resources,
    /// How much of the output is passed on.
    pub log: LogLimits,
}

/// Options of a solve.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct SolveOptions {
    /// Whether cache records are left unread.
    pub no_cache: bool,
    /// Stages whose steps run whatever the cache has.
    pub no_cache_stages: std::collections::BTreeSet<crate::ids::StageId>,
    /// Times in new layers are clamped to this, seconds since 1970.
    pub source_date_epoch: Option<i64>,
    /// The time that new layers are said to be made at, seconds and nanoseconds since 1970.
    pub now: (i64, u32),
    /// Steps whose layers an image with a name will have: they become blobs of the store as they are made.
    pub blobs: std::collections::BTreeSet<VertexId>,
    /// Steps whose files are read once everything is done.
    pub files: std::collections::BTreeSet<VertexId>,
    /// The build that this is for; steps are remembered as made by it.
    pub build: BuildRecord,
    /// Where steps find names on the network.
    pub resolv_conf: ResolvConf,
    /// Steps that may run at the same time.
    pub parallelism: usize,
    /// What secrets stand for, by id. No part of any key.
    pub secrets: BTreeMap<String, SecretSource>,
    /// Whose SSH keys steps may use, by id. No part of any key.
    pub ssh: BTreeMap<String, SshSource>,
    /// What RUN steps are given and limited to.
    pub run: RunOptions,
    /// Directories in which programs for `host:` contexts are looked up.
    pub host_search_path: Vec<PathBuf>,
    /// How servers are reached.
    #[cfg(feature = "registry")]
    pub registry: crate::registry::RegistryOptions,
}

impl SolveOptions {
    /// Makes options for a build at a time, everything else at its default.
    pub fn new(now: (i64, u32)) -> Self {
        Self {
            no_cache: false,
            no_cache_stages: std::collections::BTreeSet::new(),
            source_date_epoch: None,
            now,
            blobs: std::collections::BTreeSet::new(),
            files: std::collections::BTreeSet::new(),
            build: BuildRecord::default(),
            resolv_conf: ResolvConf::default(),
            parallelism: 16,
            secrets: BTreeMap::new(),
            ssh: BTreeMap::new(),
            run: RunOptions::default(),
            host_search_path: Vec::new(),
            #[cfg(feature = "registry")]
            registry: crate::registry::RegistryOptions::default(),
        }
    }
}

/// Everything that a plan refers to.
#[derive(Debug)]
pub struct SolveInputs<'a> {
    /// The plan.
    pub plan: &'a Plan,
    /// The local contexts by name; the main one has the empty name.
    pub contexts: &'a BTreeMap<String, Context>,
    /// The images.
    pub images: &'a BTreeMap<ImageKey, Resolved>,
}

/// A layer made or found by a step.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StepLayer {
    /// Its diff ID.
    pub diff_id: Digest,
    /// Its content without times.
    pub content: crate::layer::ContentId,
    /// The size of its tar, in bytes.
    pub size: u64,
    /// When it was made, seconds and nanoseconds since 1970.
    pub created: (i64, u32),
}

/// What a vertex leaves behind.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StepResult {
    /// The layers of its root filesystem, bottom first.
    pub diff_ids: Arc<[Digest]>,
    /// The content of its root filesystem, without times.
    pub content: FilesystemContent,
    /// The layer of the vertex itself; images have none of their own.
    pub layer: Option<StepLayer>,
    /// Whether it came from the cache.
    pub cached: bool,
    /// The keys that lead to it.
    pub keys: Arc<[CacheKey]>,
}

impl StepResult {
    fn empty() -> Self {
        Self {
            diff_ids: Arc::from([]),
            content: FilesystemContent::empty(),
            layer: None,
            cached: true,
            keys: Arc::from([]),
        }
    }
}

/// What a plan came to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Solved {
    /// What each vertex left behind, by its number.
    pub results: Vec<StepResult>,
    /// Why the steps ran, and who made what was found.
    pub explanations: Vec<ExplainedStep>,
}

/// Carries out plans on one store.
pub struct Solver<'a> {
    pub(crate) store: &'a Store,
    pub(crate) snapshots: &'a Snapshots,
    pub(crate) options: &'a SolveOptions,
    pub(crate) events: &'a dyn EventSink,
    pub(crate) shared: Option<&'a SharedCache<'a>>,
    pub(crate) source_file: Option<Arc<SourceFile>>,
    watcher: Option<&'a Watcher<'a>>,
}

/// Is told of each vertex that is done, and what it left behind, while others still run.
pub type Watcher<'w> = dyn Fn(VertexId, &StepResult) + Sync + 'w;

impl std::fmt::Debug for Solver<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Solver").field("options", self.options).finish_non_exhaustive()
    }
}

impl<'a> Solver<'a> {
    /// Joins a store, options and a sink for events.
    pub fn new(
        store: &'a Store,
        snapshots: &'a Snapshots,
        options: &'a SolveOptions,
        events: &'a dyn EventSink,
    ) -> Self {
        Self { store, snapshots, options, events, shared: None, source_file: None, watcher: None }
    }

    /// Looks into shared caches for what the store does not have.
    #[must_use]
    pub fn with_shared_cache(self, shared: Option<&'a SharedCache<'a>>) -> Self {
        Self { shared, ..self }
    }

    /// Tells of the text that the plan was made from; without it there are no warnings.
    #[must_use]
    pub fn about(self, source_file: &Arc<SourceFile>) -> Self {
        Self { source_file: Some(Arc::clone(source_file)), ..self }
    }

    /// Tells somebody of each vertex as soon as it is done.
    #[must_use]
    pub fn with_watcher(self, watcher: &'a Watcher<'a>) -> Self {
        Self { watcher: Some(watcher), ..self }
    }

    /// Carries out a plan.
    ///
    /// # Errors
    /// The first step that failed, or a step that was cancelled. Layers of finished steps stay in the store.
    pub fn solve(&self, inputs: &SolveInputs<'_>, cancel: &CancelToken) -> Result<Solved, Box<SolveError>> {
        let needed: Vec<Vec<usize>> = inputs
            .plan
            .vertexes
            .iter()
            .map(|vertex| vertex.op.inputs().into_iter().map(VertexId::index).collect())
            .collect();
        // One failing step ends the others; the caller's token stays as it is.
        let steps = cancel.child();
        let control: Control<'_, Box<SolveError>> = Control {
            cancelled: &|| cancel.is_cancelled(),
            is_cancellation: &|error| error.is_cancelled(),
            end_others: &|| steps.cancel(),
        };
        let explainer = Explainer::new(self.store, self.options, inputs);
        let outcome = run_graph(&needed, self.options.parallelism, &control, &|index, results| {
            self.step((inputs, &explainer), index, &needed[index], results, &steps)
        });
        let solved = |results| Solved { results, explanations: explainer.explanations() };
        outcome.map(solved).map_err(|stopped| match stopped {
            Stopped::Failed(error) => error,
            Stopped::Cancelled => Box::new(SolveError {
                vertex: VertexId(0),
                name: String::from("build"),
                span: inputs.plan.vertexes.first().map(|vertex| vertex.span).unwrap_or_default(),
                cause: StepError::Cancelled(Cancelled),
            }),
        })
    }

    fn step(
        &self,
        (inputs, explainer): (&SolveInputs<'_>, &Explainer<'_>),
        index: usize,
        needed: &[usize],
        results: Vec<StepResult>,
        cancel: &CancelToken,
    ) -> Result<StepResult, Box<SolveError>> {
        let vertex = &inputs.plan.vertexes[index];
        let begin = Instant::now();
        let results: BTreeMap<usize, StepResult> = needed.iter().copied().zip(results).collect();
        let step = op::Step { solver: self, inputs, explainer, vertex, results: &results, cancel };
        let outcome = step.carry_out();
        if let Ok(result) = &outcome {
            explainer.finished(vertex.id, result);
            if let Some(watcher) = self.watcher {
                watcher(vertex.id, result);
            }
        }
        if let Some(explanation) = explainer.explanation(vertex.id) {
            self.events.emit(Event::StepExplained { id: vertex.id, explanation });
        }
        let status = match &outcome {
            Ok(result) if result.cached => StepStatus::Cached,
            Ok(_) => StepStatus::Done,
            Err(error) if error.is_cancelled() => StepStatus::Cancelled,
            Err(error) => StepStatus::Failed(error.cause.message()),
        };
        self.events.emit(Event::StepFinished { id: vertex.id, status, elapsed: begin.elapsed() });
        outcome
    }
}
