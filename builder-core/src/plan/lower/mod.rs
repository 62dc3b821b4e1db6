//! From stages and instructions to vertexes and configs.

mod contexts;
mod copy;
mod epoch;
mod metadata;
mod mount;
mod mount_fields;
mod platform;
mod ports;
mod remote;
mod run;
mod stage;
mod unused;

use std::collections::{BTreeMap, BTreeSet};

use super::op::{FilesystemRef, ImageKey, ImageOp, Op};
use super::{ContextUse, ImageRequest, NamedContext, Plan, PlanError, PlanOptions, Planned, ResolvedImage, Vertex};
use crate::diagnostic::Diagnostic;
use crate::dockerfile::{Dockerfile, Instruction, InstructionKind, parse_trigger};
use crate::ids::{StageId, VertexId};
use crate::platform::Platform;
use crate::reference::Reference;
use crate::semantic::reachability::{self, Cycle, StageEdge};
use crate::semantic::scope::{GlobalScope, ScopeInput};
use crate::semantic::stage_table::{Base, SCRATCH, Stage, StageLookup, StageTable};
use crate::text::{Span, go_quoted};
use contexts::is_reserved;
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
    plan_onto(dockerfile, options, images, &[])
}

/// Plans what a target needs, in addition to the vertexes of a plan for another platform. What is the same step for
/// both is one vertex, under the name that it has already.
///
/// # Errors
/// As [`plan`].
pub fn plan_onto(
    dockerfile: &Dockerfile,
    options: &PlanOptions,
    images: &BTreeMap<ImageKey, ResolvedImage>,
    vertexes: &[Vertex],
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
        vertexes: vertexes.to_vec(),
        requests: Vec::new(),
        diagnostics,
    };
    planner.run()
}

/// The trigger that an instruction is about.
fn trigger(instruction: &Instruction) -> Option<&Instruction> {
    match &instruction.kind {
        InstructionKind::OnBuild(on_build) => Some(&on_build.trigger),
        _ => None,
    }
}

/// The short form of an image's name, without `:latest`; what is no such name stays as it is.
fn short_name(name: &str) -> String {
    let short = name.parse().map_or_else(|_| name.to_owned(), |reference: Reference| reference.familiar());
    short.strip_suffix(":latest").map(str::to_owned).unwrap_or(short)
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
        self.diagnostics.extend(self.table.errors().cloned());
        let target = match self.table.target(self.options.target.as_deref()) {
            Ok(target) => target,
            Err(diagnostic) => {
                self.diagnostics.push(diagnostic);
                return Err(self.failed());
            }
        };
        let epoch = match self.epoch() {
            epoch::Epoch::Of(source) if self.diagnostics.is_empty() => return Ok(Planned::NeedEpoch(source)),
            epoch::Epoch::Of(_) => None,
            epoch::Epoch::Known(epoch) => epoch,
        };
        let needed = self.needed(target).map_err(|cycle| {
            self.diagnostics.push(self.circle(&cycle));
            self.failed()
        })?;
        let mut states: BTreeMap<StageId, Option<StageState>> = BTreeMap::new();
        for id in self.in_order(needed) {
            let state = self.stage(id, &states);
            states.insert(id, state);
        }
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
        self.target_platform(&mut state.config);
        let label = self.table.get(target).map_or_else(String::new, Stage::label);
        Ok(Planned::Ready(Box::new(self.finish(state, label, epoch))))
    }

    /// Keeps what the result needs, in order.
    fn finish(&mut self, state: StageState, target: String, source_date_epoch: Option<i64>) -> Plan {
        let vertexes = std::mem::take(&mut self.vertexes);
        let mut contexts: BTreeMap<String, ContextUse> = BTreeMap::new();
        for vertex in &vertexes {
            let Op::Copy(op) = &vertex.op else { continue };
            for part in &op.parts {
                if let super::op::CopyFrom::Context(name) = &part.from {
                    contexts.entry(name.clone()).or_default().readers.push(vertex.id);
                }
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

    /// Finds what a target needs. Stages that need each other are refused wherever they are.
    fn needed(&self, target: StageId) -> Result<BTreeSet<StageId>, Cycle> {
        let everything = StageId(u32::MAX);
        reachability::reachable(everything, |stage| {
            if stage != everything {
                return self.edges(stage);
            }
            let to = |stage: &Stage| StageEdge { to: stage.id, span: Span::default() };
            self.table.stages().iter().map(to).collect()
        })?;
        // What comes later is no stage that can be copied from: whoever tries is told so.
        reachability::reachable(target, |stage| {
            let mut edges = self.edges(stage);
            edges.retain(|edge| edge.to < stage);
            edges.extend(self.redirected(stage));
            edges
        })
    }

    fn circle(&self, cycle: &Cycle) -> Diagnostic {
        let name = self.stage_name(cycle.stage);
        let span = cycle.edges.first().map(|(_, edge)| edge.span).unwrap_or_default();
        let message = format!("circular dependency detected on stage: {name}");
        let mut diagnostic = Diagnostic::error("circular-dependency", span, message);
        for (_, edge) in cycle.edges.iter().skip(1) {
            diagnostic = diagnostic.also(edge.span, "which needs this");
        }
        diagnostic.help("a stage can only use stages that are complete before it begins")
    }

    /// The stages that a stage refers to; triggers of its base included, where that is known.
    fn edges(&self, stage: StageId) -> Vec<StageEdge> {
        if let Some((_, context)) = self.replaced(stage) {
            let span = self.span_of_from(stage);
            return self.stage_of(&context).map(|to| StageEdge { to, span }).into_iter().collect();
        }
        let mut edges = reachability::edges(self.table, self.dockerfile, stage);
        let span = self.span_of_from(stage);
        for (_, name) in self.inherited_triggers(stage).iter().flat_map(reachability::from_operands) {
            if let StageLookup::Earlier(to) | StageLookup::NotYet(to) = self.table.lookup(stage, &name.value) {
                edges.push(StageEdge { to, span });
            }
        }
        edges.extend(self.redirected(stage));
        edges
    }

    /// The `ONBUILD` triggers that a stage begins with: those of its base image, or of the stage that it is from.
    fn inherited_triggers(&self, stage: StageId) -> Vec<Instruction> {
        let platform = self.platform(stage);
        let named = |name: &str| self.context(name, &platform).map(|(name, _)| name);
        let image = match self.table.get(stage).map(|stage| &stage.base) {
            Some(Ok(Base::Outside(name))) => named(name).unwrap_or_else(|| name.clone()),
            Some(Ok(Base::Stage(parent))) => {
                let Some((name, _)) = self.replaced(*parent) else {
                    let body = self.table.body(self.dockerfile, *parent);
                    return body.iter().filter_map(trigger).cloned().collect();
                };
                name
            }
            _ => return Vec::new(),
        };
        let texts = self.images.get(&ImageKey { name: image, platform }).map(|image| &image.config.config.on_build);
        texts.into_iter().flatten().filter_map(|text| parse_trigger(text).ok()).collect()
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
        let name = self.table.get(stage)?.name.as_ref()?;
        let (name, context) = self.context(&name.value, &self.platform(stage))?;
        // A stage cannot be replaced by itself.
        (self.stage_of(&context) != Some(stage)).then_some((name, context))
    }

    /// A named context, by the name as written or in its short form, with or without `:latest`. One that is given
    /// for the platform alone (`NAME::PLATFORM`) comes first.
    fn context(&self, name: &str, platform: &Platform) -> Option<(String, NamedContext)> {
        let contexts = &self.options.contexts;
        if contexts.is_empty() || is_reserved(name) {
            return None;
        }
        let short = short_name(name);
        let is_named = |given: &str| given == name || short_name(given) == short;
        let for_platform = contexts.iter().find(|(key, _)| {
            key.split_once("::").is_some_and(|(given, for_platform)| {
                is_named(given) && for_platform.parse().is_ok_and(|wanted: Platform| wanted == *platform)
            })
        });
        let exact = || contexts.get_key_value(name);
        let alike = || contexts.iter().find(|(key, _)| is_named(key));
        let found = for_platform.or_else(exact).or_else(alike);
        found.map(|(name, context)| (name.clone(), context.clone()))
    }

    /// Whether a name counts the stages: a context of that name does not replace what it counts.
    fn is_stage_number(&self, name: &str) -> bool {
        name.parse::<usize>().is_ok_and(|number| number < self.table.stages().len())
    }

    /// What a name means to a stage that copies from it.
    fn copy_source(&mut self, at: StageId, name: &str, span: Span) -> Option<Source> {
        if name == SCRATCH && self.table.lookup(at, name) == StageLookup::Unknown {
            return Some(Source::Scratch);
        }
        if !self.is_stage_number(name)
            && let Some((name, context)) = self.context(name, &self.platform(at))
        {
            return self.context_source(name, context, span);
        }
        match self.table.lookup(at, name) {
            StageLookup::Earlier(id) => Some(Source::Stage(id)),
            StageLookup::Unknown => Some(Source::Image(name.to_owned())),
            StageLookup::NotYet(id) => {
                let message = format!(
                    "cannot copy from stage {}, it needs to be defined before current stage \"{}\"",
                    go_quoted(name),
                    self.stage_name(at)
                );
                let diagnostic = Diagnostic::error("forward-reference", span, message);
                let help = "move that stage before this one";
                self.diagnostics.push(diagnostic.also(self.span_of_from(id), "defined here").help(help));
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

    /// The name of a stage in messages; those without one have a number, as with BuildKit.
    fn stage_name(&self, id: StageId) -> String {
        let name = self.table.get(id).and_then(|stage| stage.name.as_ref());
        name.map_or_else(|| format!("stage-{id}"), |name| name.value.clone())
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
