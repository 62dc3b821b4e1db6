//! One build from beginning to end.

use std::io::Write;

use super::prepare::{Prepared, Tasks};
use super::{BuildError, BuildErrorKind, BuildOptions, BuildOutcome, Builder, OutputKind};
use crate::cancel::CancelToken;
use crate::event::{Event, EventSink, StepInfo};
use crate::image::{self, AssembleRequest, AssembledImage, NewHistory};
use crate::plan::op::FilesystemRef;
use crate::solve::{SolveInputs, SolveOptions, Solver, StepResult};

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
        for name in options.tags.iter().chain(options.outputs.iter().flat_map(|output| &output.names)) {
            name.check_as_name().map_err(|error| BuildErrorKind::Option(error.into()))?;
        }
        let tasks = Tasks::new(events);
        let prepared = self.prepare(options, &tasks, events, cancel)?;
        events.emit(Event::PlanReady { steps: steps(&prepared) });
        let epoch = options.source_date_epoch.or(prepared.plan.source_date_epoch);
        let mut solve_options = SolveOptions::new(options.now);
        solve_options.no_cache = options.no_cache;
        solve_options.source_date_epoch = epoch;
        solve_options.resolv_conf.clone_from(&options.resolv_conf);
        solve_options.parallelism = options.parallelism;
        solve_options.secrets.clone_from(&options.secrets);
        solve_options.ssh.clone_from(&options.ssh);
        solve_options.run.clone_from(&options.run);
        solve_options.host_search_path.clone_from(&self.host_search_path);
        #[cfg(feature = "registry")]
        solve_options.registry.clone_from(&self.registry);
        let solver = Solver::new(&self.store, &self.snapshots, &solve_options, events);
        let inputs = SolveInputs { plan: &prepared.plan, contexts: &prepared.contexts, images: &prepared.images };
        let results = solver.solve(&inputs, cancel).map_err(|error| BuildErrorKind::Solve {
            source_file: std::sync::Arc::clone(&prepared.source_file),
            error,
        })?;
        let image = assemble(&prepared, &results, epoch)?;
        let result = match prepared.plan.result {
            FilesystemRef::Scratch => None,
            FilesystemRef::Vertex(id) => results.get(id.index()),
        };
        let diff_ids = result.map(|result| result.diff_ids.to_vec()).unwrap_or_default();
        let base = prepared.plan.config.rootfs.diff_ids.len();
        let to_store = options.outputs.is_empty()
            || options.outputs.iter().any(|output| output.kind == OutputKind::Image)
            || !options.tags.is_empty();
        let names = tasks.run("exporting to image".to_owned(), || -> Result<_, BuildError> {
            if to_store && !options.tags.is_empty() {
                // What has a name is complete in the store, for any tool that reads it as a layout.
                for length in base + 1..=diff_ids.len() {
                    self.snapshots.ensure_blob(&diff_ids[..length], cancel).map_err(crate::image::ImageError::from)?;
                }
            }
            let names = image::write(&self.store, &image, &options.tags)?;
            if to_store && names.is_empty() {
                self.store.keep(&image.record(None))?;
            }
            Ok(names)
        })?;
        self.write_outputs(options, &image, &diff_ids, epoch, &tasks, stdout, cancel)?;
        events.emit(Event::ImageReady { manifest: image.manifest, config: image.config, names: names.clone() });
        let cached = results.iter().filter(|result| result.cached).count();
        Ok(BuildOutcome {
            manifest: image.manifest,
            manifest_size: image.manifest_bytes.len() as u64,
            config: image.config,
            names,
            steps_run: results.len() - cached,
            steps_cached: cached,
        })
    }
}

fn steps(prepared: &Prepared) -> Vec<StepInfo> {
    let of = |vertex: &crate::plan::Vertex| StepInfo {
        id: vertex.id,
        name: vertex.name.clone(),
        line: Some(prepared.source_file.line_of(vertex.span)),
        inputs: vertex.op.inputs(),
    };
    prepared.plan.vertexes.iter().map(of).collect()
}

fn assemble(prepared: &Prepared, results: &[StepResult], epoch: Option<i64>) -> Result<AssembledImage, BuildError> {
    let plan = &prepared.plan;
    let base = &plan.config.rootfs.diff_ids;
    let base_layers = prepared
        .images
        .values()
        .find(|image| !base.is_empty() && image.config.rootfs.diff_ids == *base)
        .map(|image| image.layers.clone())
        .unwrap_or_default();
    let layer = |entry: &crate::plan::PlannedHistory| {
        entry.vertex.and_then(|id| results.get(id.index())).and_then(|result| result.layer.clone())
    };
    let request = AssembleRequest {
        config: plan.config.clone(),
        base_layers,
        layers: plan.history.iter().filter_map(layer).map(|layer| (layer.diff_id, layer.size)).collect(),
        history: plan
            .history
            .iter()
            .map(|entry| NewHistory {
                created_by: entry.created_by.clone(),
                layer_created: layer(entry).map(|layer| layer.created),
            })
            .collect(),
        source_date_epoch: epoch,
    };
    Ok(image::assemble(&request)?)
}
