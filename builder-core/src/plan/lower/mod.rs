//! From stages and instructions to vertexes and configs.

mod copy;
mod metadata;
mod ports;
mod run;
mod stage;
mod unused;

use std::collections::BTreeMap;

use super::op::{FilesystemRef, ImageKey, ImageOp, Op};
use super::{ContextUse, ImageRequest, NamedContext, Plan, PlanError, PlanOptions, Planned, ResolvedImage, Vertex};
use crate::diagnostic::Diagnostic;
use crate::dockerfile::{Dockerfile, Instruction, parse_trigger};
use crate::ids::{StageId, VertexId};
use crate::platform::Platform;
use crate::reference::Reference;
use crate::semantic::reachability::{self, StageEdge};
use crate::semantic::scope::{GlobalScope, ScopeInput};
use crate::semantic::stage_table::{Base, SCRATCH, StageLookup, StageTable};
use crate::text::Span;
use stage::StageState;
pub use unused::unused_build_args;

/// The build arg, and global argument, that sets the times of an image.
const EPOCH: &str = "SOURCE_DATE_EPOCH";

/// Plans what a target needs.
///
/// # Errors
/// [`PlanError`] with everything that is wrong in the stages that the target needs.
pub fn plan(
    dockerfile: &Dockerfile,
    options: &PlanOptions,
    images: &BTreeMap<ImageKey, ResolvedImage>,
) -> Result<Planned, PlanError> {
    let input = ScopeInput {
        build_args: &options.build_args,
        build_platform: &options.build_platform,
        target_platform: &options.platform,
        target: options.target.as_deref(),
    };
    let (globals, diagnostics) = GlobalScope::evaluate(dockerfile, &input);
    let table = StageTable::new(dockerfile, &globals);
    let mut planner = Planner {
        dockerfile,
        options,
        images,
        globals: &globals,
        table: &table,
        vertexes: Vec::new(),
        requests: Vec::new(),
        diagnostics,
    };
    planner.run()
}

/// What a name in `FROM` or `--from` leads to.
enum Source {
    Scratch,
    Stage(StageId),
    Context(String, NamedContext),
    Image(String),
}

struct Planner<'p> {
    dockerfile: &'p Dockerfile,
    options: &'p PlanOptions,
    images: &'p BTreeMap<ImageKey, ResolvedImage>,
    globals: &'p GlobalScope,
    table: &'p StageTable,
    vertexes: Vec<Vertex>,
    requests: Vec<ImageRequest>,
    diagnostics: Vec<Diagnostic>,
}

impl Planner<'_> {
    fn failed(&mut self) -> PlanError {
        PlanError { diagnostics: std::mem::take(&mut self.diagnostics) }
    }

    fn run(&mut self) -> Result<Planned, PlanError> {
        let target = match self.table.target(self.options.target.as_deref()) {
            Ok(target) => target,
            Err(diagnostic) => {
                self.diagnostics.push(diagnostic);
                return Err(self.failed());
            }
        };
        let needed = reachability::reachable(target, |stage| self.edges(stage));
        let needed = needed.map_err(|cycle| {
            let name =
                self.table.get(cycle.stage).map_or_else(String::new, super::super::semantic::stage_table::Stage::label);
            let span = cycle.edges.first().map(|(_, edge)| edge.span).unwrap_or_default();
            let message = format!("circular dependency detected on stage: {name}");
            self.diagnostics.push(Diagnostic::error("circular-dependency", span, message));
            self.failed()
        })?;
        let mut states: BTreeMap<StageId, Option<StageState>> = BTreeMap::new();
        for id in needed {
            let state = self.stage(id, &states);
            states.insert(id, state);
        }
        let epoch = self.epoch();
        if !self.diagnostics.is_empty() {
            return Err(self.failed());
        }
        if !self.requests.is_empty() {
            self.requests.sort();
            self.requests.dedup_by(|a, b| a.key == b.key);
            return Ok(Planned::NeedImages(std::mem::take(&mut self.requests)));
        }
        let Some(Some(mut state)) = states.remove(&target) else { return Err(self.failed()) };
        for (name, value) in &self.options.labels {
            state.config.config.labels.insert(name.clone(), value.clone());
        }
        state.config.created = None;
        let label = self.table.get(target).map_or_else(String::new, super::super::semantic::stage_table::Stage::label);
        Ok(Planned::Ready(Box::new(self.finish(state, label, epoch))))
    }

    /// Keeps what the result needs, in order.
    fn finish(&mut self, state: StageState, target: String, source_date_epoch: Option<i64>) -> Plan {
        let vertexes = std::mem::take(&mut self.vertexes);
        let mut contexts: BTreeMap<String, ContextUse> = BTreeMap::new();
        for vertex in &vertexes {
            if let Op::Copy(op) = &vertex.op
                && let super::op::CopyFrom::Context(name) = &op.from
                && op.sources.iter().any(|source| !matches!(source, super::op::CopySource::Inline { .. }))
            {
                contexts.entry(name.clone()).or_default().readers.push(vertex.id);
            }
        }
        Plan {
            vertexes,
            result: state.filesystem,
            config: state.config,
            history: state.history,
            target,
            contexts,
            source_date_epoch,
        }
    }

    /// `SOURCE_DATE_EPOCH` as a build arg, else as a global argument.
    fn epoch(&mut self) -> Option<i64> {
        let given = self.options.build_args.get(EPOCH).map(String::as_str).or_else(|| self.globals.get(EPOCH))?;
        if given.is_empty() {
            return None;
        }
        if let Ok(epoch) = given.parse() {
            return Some(epoch);
        }
        let diagnostic = Diagnostic::new(
            crate::diagnostic::Severity::Error,
            "invalid-source-date-epoch",
            format!("invalid SOURCE_DATE_EPOCH: {given}"),
        );
        self.diagnostics
            .push(diagnostic.help("give whole seconds since 1970; `context` and stage names are not supported yet"));
        None
    }

    /// The stages that a stage refers to; triggers of its base included, where that is known.
    fn edges(&self, stage: StageId) -> Vec<StageEdge> {
        let Some(entry) = self.table.get(stage) else { return Vec::new() };
        if self.replaced(stage).is_some() {
            return Vec::new();
        }
        let mut edges = reachability::edges(self.table, self.dockerfile, stage);
        let triggers = match &entry.base {
            Ok(Base::Outside(name)) => self.image_triggers(name, stage),
            _ => Vec::new(),
        };
        let span = self.span_of_from(stage);
        for (_, name) in triggers.iter().flat_map(reachability::from_operands) {
            if let StageLookup::Earlier(to) = self.table.lookup(stage, &name.value) {
                edges.push(StageEdge { to, span });
            }
        }
        edges.retain(|edge| edge.to < stage);
        edges
    }

    fn image_triggers(&self, name: &str, stage: StageId) -> Vec<Instruction> {
        let platform = self.platform(stage);
        let key = ImageKey { name: name.to_owned(), platform };
        let texts = self.images.get(&key).map(|image| image.config.config.on_build.as_slice()).unwrap_or_default();
        texts.iter().filter_map(|text| parse_trigger(text).ok()).collect()
    }

    fn span_of_from(&self, stage: StageId) -> Span {
        let from = self.table.get(stage).and_then(|stage| self.dockerfile.instructions.get(stage.from));
        from.map(|instruction| instruction.head).unwrap_or_default()
    }

    fn platform(&self, stage: StageId) -> Platform {
        let asked = self.table.get(stage).and_then(|stage| stage.platform.clone().ok().flatten());
        asked.unwrap_or_else(|| self.options.platform.clone())
    }

    /// The context that stands in for a stage of that name.
    fn replaced(&self, stage: StageId) -> Option<(String, NamedContext)> {
        self.table.get(stage)?.name.as_ref().and_then(|name| self.context(&name.value))
    }

    /// A named context, by the name as written or in its short form, with or without `:latest`.
    fn context(&self, name: &str) -> Option<(String, NamedContext)> {
        let find = |name: &str| self.options.contexts.get_key_value(name);
        let mut found = find(name);
        if found.is_none()
            && let Ok(reference) = name.parse::<Reference>()
        {
            found = find(&reference.familiar()).or_else(|| {
                let latest = reference.tag() == Some(crate::reference::DEFAULT_TAG);
                latest.then(|| find(&reference.familiar_name())).flatten()
            });
        }
        found.map(|(name, context)| (name.clone(), context.clone()))
    }

    /// What a name means to a stage that copies from it.
    fn copy_source(&mut self, at: StageId, name: &str, span: Span) -> Option<Source> {
        if name == SCRATCH {
            return Some(Source::Scratch);
        }
        if let Some((name, context)) = self.context(name) {
            return Some(Source::Context(name, context));
        }
        let label = |id: StageId| {
            self.table.get(id).map_or_else(String::new, super::super::semantic::stage_table::Stage::label)
        };
        match self.table.lookup(at, name) {
            StageLookup::Earlier(id) => Some(Source::Stage(id)),
            StageLookup::Unknown => Some(Source::Image(name.to_owned())),
            StageLookup::NotYet(id) => {
                let message = format!(
                    "cannot copy from stage \"{}\", it needs to be defined before current stage \"{}\"",
                    label(id),
                    label(at)
                );
                let diagnostic = Diagnostic::error("forward-reference", span, message);
                self.diagnostics.push(diagnostic.also(self.span_of_from(id), "defined here"));
                None
            }
            StageLookup::InvalidIndex(index) => {
                let message = format!("invalid stage index {index}");
                let count = self.table.stages().len();
                let help = format!("stages count from 0, and there are {count}");
                self.diagnostics.push(Diagnostic::error("invalid-stage-index", span, message).help(help));
                None
            }
        }
    }

    /// Finds an image that was handed in, or asks for it.
    fn image(&mut self, name: &str, platform: &Platform, span: Span) -> Option<(ImageKey, ResolvedImage)> {
        let key = ImageKey { name: name.to_owned(), platform: platform.clone() };
        if let Some(image) = self.images.get(&key) {
            return Some((key, image.clone()));
        }
        if !self.options.contexts.contains_key(name)
            && let Err(error) = name.parse::<Reference>()
        {
            let mut diagnostic = Diagnostic::error("invalid-reference", span, error.to_string());
            if let Some(similar) = self.table.nearest_name(name) {
                diagnostic = diagnostic.help(format!("did you mean the stage `{similar}`?"));
            }
            self.diagnostics.push(diagnostic);
            return None;
        }
        self.requests.push(ImageRequest { key, span });
        None
    }

    /// Adds a vertex, or finds the one that does the same.
    fn vertex(&mut self, op: Op, name: String, span: Span, stage: StageId) -> VertexId {
        if let Some(same) = self.vertexes.iter().find(|vertex| vertex.op == op) {
            return same.id;
        }
        let id = VertexId(u32::try_from(self.vertexes.len()).unwrap_or(u32::MAX));
        self.vertexes.push(Vertex { id, op, name, span, stage });
        id
    }

    fn image_vertex(
        &mut self,
        key: ImageKey,
        image: &ResolvedImage,
        prefix: &str,
        span: Span,
        stage: StageId,
    ) -> FilesystemRef {
        if image.config.rootfs.diff_ids.is_empty() {
            return FilesystemRef::Scratch;
        }
        let name = format!("{prefix}FROM {}@{}", image.display, image.digest);
        FilesystemRef::Vertex(self.vertex(Op::Image(ImageOp { image: key }), name, span, stage))
    }
}
