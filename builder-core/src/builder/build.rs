//! One build from beginning to end.

use std::io::Write;
use std::sync::Arc;
use std::time::Instant;

use super::attempt::{Attempt, Run};
use super::prepare::{PlatformPlan, Prepared, Tasks};
use super::shared_cache::{self, Steps};
use super::timeline::Stopwatch;
use super::{BuildError, BuildErrorKind, BuildOptions, BuildOutcome, Builder, OptionError};
use crate::cache::shared::{INLINE_FIELD, SharedCache};
use crate::cancel::CancelToken;
use crate::diagnostic::{Diagnostic, Severity};
use crate::digest::Digest;
use crate::event::{Event, EventSink, StepInfo};
use crate::image::{self, AssembleRequest, ImageParts, NewHistory, NewLayer};
use crate::plan::PlannedHistory;
use crate::plan::op::{FilesystemRef, Op};
use crate::solve::{SolveInputs, SolveOptions, StepResult};

/// What was built for one platform.
pub(super) struct Built {
    /// The image, without its attestations.
    pub(super) image: ImageParts,
    /// The layers of its root filesystem, bottom first.
    pub(super) diff_ids: Vec<Digest>,
}

impl Builder {
    /// Builds an image and writes it where the options say. `stdout` takes an output that is meant for
    /// standard output.
    ///
    /// # Errors
    /// [`BuildError`]; layers of finished steps stay in the store, and no image changes.
    pub fn build(
        &self,
        options: &BuildOptions,
        events: &dyn EventSink,
        cancel: &CancelToken,
        stdout: Option<&mut (dyn Write + Send)>,
    ) -> Result<BuildOutcome, BuildError> {
        let begin = Instant::now();
        let stopwatch = Stopwatch::start(events);
        let events: &dyn EventSink = &stopwatch;
        let _hold = self.store.hold();
        for name in options.tags.iter().chain(options.outputs.iter().flat_map(|output| &output.names)) {
            name.check_as_name().map_err(|error| BuildErrorKind::Option(error.into()))?;
        }
        let tasks = Tasks::new(events);
        let prepared = self.prepare(options, &tasks, events, cancel)?;
        let Some(graph) = prepared.graph() else { return Err(OptionError::NoPlatform.into()) };
        events.emit(Event::PlanReady { steps: steps(&prepared) });
        let epoch = epoch(options, graph.source_date_epoch)?;
        warn_of_rewrite(options, epoch, &prepared, events);
        warn_of_stages(options, &prepared, events);
        let solve_options = self.solve_options(options, &prepared, epoch);
        let watch = shared_cache::Watch { tasks: &tasks, events, prepared: &prepared };
        let shared = SharedCache::new(
            &options.cache_from,
            &watch,
            cancel,
            #[cfg(feature = "registry")]
            &self.registry,
        );
        let snapshots = self.snapshots.for_one_build();
        let inputs = SolveInputs { plan: graph, contexts: &prepared.contexts, images: &prepared.images };
        let run = Run {
            options,
            prepared: &prepared,
            tasks: &tasks,
            events,
            solve_options: &solve_options,
            snapshots: &snapshots,
            inputs,
            shared: &shared,
            watch: &watch,
            epoch,
            begin,
        };
        let Attempt { results, explanations, provenance, written, syncing: _syncing } =
            self.attempts(&run, stdout, cancel)?;
        let (id, names) = (written.id, written.names);
        events.emit(Event::ImageReady { manifest: written.descriptor.digest, config: id, names: names.clone() });
        let cached = results.iter().filter(|result| result.cached).count();
        if cached < results.len() {
            stopwatch.keep(&self.store, &solve_options.build, &results);
        }
        if let Some(budget) = options.cache_budget.filter(|_| cached < results.len()) {
            // The image is there: a cache that cannot be collected is for `cache prune` to tell.
            let _ = self.store.collect(budget);
        }
        Ok(BuildOutcome {
            descriptor: written.descriptor,
            id,
            config: written.config,
            names,
            provenance,
            steps_run: results.len() - cached,
            steps_cached: cached,
            build: solve_options.build,
            explanations,
            fetched: Some(self.snapshots.fetched()).filter(|fetched| fetched.blobs > 0 || shared.is_of_use()),
        })
    }

    /// How the steps of a build are carried out.
    fn solve_options(&self, options: &BuildOptions, prepared: &Prepared, epoch: Option<i64>) -> SolveOptions {
        let mut solve_options = SolveOptions::new(options.now);
        // An empty name means every stage.
        solve_options.no_cache = options.no_cache || options.no_cache_stages.iter().any(String::is_empty);
        solve_options.no_cache_stages = prepared.uncached(&options.no_cache_stages);
        solve_options.source_date_epoch = epoch;
        (solve_options.blobs, solve_options.files) = super::outputs::uses(options, &prepared.plans);
        solve_options.build = super::origin::record(options);
        solve_options.resolv_conf.clone_from(&options.resolv_conf);
        solve_options.parallelism = options.parallelism;
        solve_options.secrets.clone_from(&options.secrets);
        solve_options.ssh.clone_from(&options.ssh);
        solve_options.run.clone_from(&options.run);
        solve_options.host_search_path.clone_from(&self.host_search_path);
        #[cfg(feature = "registry")]
        solve_options.registry.clone_from(&self.registry);
        solve_options
    }
}

fn steps(prepared: &Prepared) -> Vec<StepInfo> {
    let of = |vertex: &crate::plan::Vertex| StepInfo {
        id: vertex.id,
        name: vertex.name.clone(),
        line: Some(prepared.source_file.line_of(vertex.span)),
        inputs: vertex.op.inputs(),
    };
    prepared.graph().into_iter().flat_map(|plan| &plan.vertexes).map(of).collect()
}

/// The time of the image: what an output says wins over the caller, and that over the Dockerfile
/// (dockerfile-semantics 8.5). Layers are made with it, so that there is one for all outputs.
fn epoch(options: &BuildOptions, planned: Option<i64>) -> Result<Option<i64>, OptionError> {
    let mut given = options.outputs.iter().filter_map(|output| output.source_date_epoch);
    match given.next() {
        None => Ok(options.source_date_epoch.or(planned)),
        Some(first) if given.all(|other| other == first) => Ok(first),
        Some(_) => Err(OptionError::SeveralEpochs),
    }
}

/// Warns of times that cannot be rewritten, in BuildKit's words.
fn warn_of_rewrite(options: &BuildOptions, epoch: Option<i64>, prepared: &Prepared, events: &dyn EventSink) {
    if epoch.is_none() && options.outputs.iter().any(|output| output.rewrite_timestamp) {
        let message = "rewrite-timestamp is specified, but no source-date-epoch was found";
        let diagnostic = Diagnostic::new(Severity::Warning, "no-source-date-epoch", message).help(
            "give the time with `--timestamp`, the variable `SOURCE_DATE_EPOCH` or `source-date-epoch=` of the output",
        );
        events.emit(Event::Warning { diagnostic, source_file: Arc::clone(&prepared.source_file) });
    }
}

/// Warns of stages whose cache is not to be used and that are not there: most likely another one is meant.
fn warn_of_stages(options: &BuildOptions, prepared: &Prepared, events: &dyn EventSink) {
    for name in prepared.missing(&options.no_cache_stages) {
        let message = format!("`--no-cache-filter` names no stage of the Dockerfile: `{name}`");
        let diagnostic = Diagnostic::new(Severity::Warning, "no-such-stage", message)
            .help("it takes the names that `FROM … AS NAME` gives");
        events.emit(Event::Warning { diagnostic, source_file: Arc::clone(&prepared.source_file) });
    }
}

pub(super) fn built(
    prepared: &Prepared,
    planned: &PlatformPlan,
    results: &[StepResult],
    epoch: Option<i64>,
    inline: bool,
) -> Result<Built, BuildError> {
    let plan = &planned.plan;
    let diff_ids = match plan.result {
        FilesystemRef::Scratch => Vec::new(),
        FilesystemRef::Vertex(id) => results.get(id.index()).map(|result| result.diff_ids.to_vec()).unwrap_or_default(),
    };
    let base = &plan.config.rootfs.diff_ids;
    let base_image = prepared.images.values().find(|image| !base.is_empty() && image.config.rootfs.diff_ids == *base);
    let layer = |entry: &PlannedHistory| {
        let id = entry.vertex?;
        let layer = results.get(id.index())?.layer.clone()?;
        let (diff_id, size, created) = (layer.diff_id, layer.size, layer.created);
        let vertex = plan.vertex(id);
        let description = match &vertex.op {
            Op::Run(run) => format!("mount / from exec {}", run.args.join(" ")),
            _ => vertex.name.clone(),
        };
        Some(NewLayer { diff_id, size, created, description })
    };
    let history = plan
        .history
        .iter()
        .filter_map(|entry| Some((entry.created_by.clone()?, entry)))
        .map(|(created_by, entry)| NewHistory { created_by, has_layer: layer(entry).is_some() });
    let mut request = AssembleRequest {
        platform: planned.platform.clone(),
        config: plan.config.clone(),
        base_layers: base_image.map(|image| image.layers.clone()).unwrap_or_default(),
        base_origin: base_image.map(|image| image.display.clone()).unwrap_or_default(),
        layers: plan.history.iter().filter_map(layer).collect(),
        history: history.collect(),
        more: serde_json::Map::new(),
        source_date_epoch: epoch,
    };
    if inline {
        let image: Vec<Digest> = base.iter().copied().chain(request.layers.iter().map(|layer| layer.diff_id)).collect();
        let document = Steps { results, built: &[], epoch }.inline(&image);
        let value = serde_json::to_value(document).map_err(crate::image::ImageError::from)?;
        request.more.insert(INLINE_FIELD.to_owned(), value);
    }
    Ok(Built { image: image::assemble(&request)?, diff_ids })
}
