//! From stages and instructions to vertexes and configs.

mod copy;
mod epoch;
mod metadata;
mod ports;
mod remote;
mod run;
mod stage;
mod unused;

use std::collections::{BTreeMap, BTreeSet};

use super::op::{FilesystemRef, ImageKey, ImageOp, Op};
use super::{ContextUse, ImageRequest, NamedContext, Plan, PlanError, PlanOptions, Planned, ResolvedImage, Vertex};
use crate::diagnostic::Diagnostic;
use crate::dockerfile::{Dockerfile, Instruction, parse_trigger};
use crate::ids::{StageId, VertexId};
use crate::platform::Platform;
use crate::reference::Reference;
use crate::semantic::reachability::{self, StageEdge};
use crate::semantic::scope::{GlobalScope, ScopeInput};
use crate::semantic::stage_table::{Base, SCRATCH, Stage, StageLookup, StageTable};
use crate::text::Span;
use stage::StageState;
pub use unused::unused_build_args;

/// The build arg, and global argument, that sets the times of an image.
const EPOCH: &str = "SOURCE_DATE_EPOCH";

/// Names that no context can replace.
const RESERVED: [&str; 2] = [SCRATCH, "context"];

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
        let epoch = match self.epoch() {
            epoch::Epoch::Of(source) if self.diagnostics.is_empty() => return Ok(Planned::NeedEpoch(source)),
            epoch::Epoch::Of(_) => None,
            epoch::Epoch::Known(epoch) => epoch,
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
        let label = self.table.get(target).map_or_else(String::new, super::super::semantic::stage_table::Stage::label);
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

    /// The stages that a stage refers to; triggers of its base included, where that is known.
    fn edges(&self, stage: StageId) -> Vec<StageEdge> {
        let Some(entry) = self.table.get(stage) else { return Vec::new() };
        let span = self.span_of_from(stage);
        if let Some((_, context)) = self.replaced(stage) {
            return self.stage_of(&context).map(|to| StageEdge { to, span }).into_iter().collect();
        }
        let mut edges = reachability::edges(self.table, self.dockerfile, stage);
        let redirected = self.redirected(stage, entry);
        let triggers = match &entry.base {
            Ok(Base::Outside(name)) => self.image_triggers(name, stage),
            _ => Vec::new(),
        };
        for (_, name) in triggers.iter().flat_map(reachability::from_operands) {
            if let StageLookup::Earlier(to) = self.table.lookup(stage, &name.value) {
                edges.push(StageEdge { to, span });
            }
        }
        edges.retain(|edge| edge.to < stage);
        edges.extend(redirected);
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

    /// The stages behind names for which a context says `target:STAGE`; they may be later ones.
    fn redirected(&self, stage: StageId, entry: &Stage) -> Vec<StageEdge> {
        if !self.has_stage_contexts() {
            return Vec::new();
        }
        let base = match &entry.base {
            Ok(Base::Outside(name)) => Some((name.clone(), self.span_of_from(stage))),
            _ => None,
        };
        let operands = self.table.body(self.dockerfile, stage).iter().flat_map(reachability::from_operands);
        let names = base.into_iter().chain(operands.map(|(_, name)| (name.value, name.span)));
        let platform = self.platform(stage);
        let edge = |(name, span): (String, Span)| {
            let (_, context) = self.context(&name, &platform)?;
            Some(StageEdge { to: self.stage_of(&context)?, span })
        };
        names.filter_map(edge).collect()
    }

    fn has_stage_contexts(&self) -> bool {
        self.options.contexts.values().any(|context| matches!(context, NamedContext::Stage(_)))
    }

    /// The stage that a context of the form `target:STAGE` means.
    fn stage_of(&self, context: &NamedContext) -> Option<StageId> {
        match context {
            NamedContext::Stage(name) => self.table.target(Some(name)).ok(),
            _ => None,
        }
    }

    /// Puts stages behind those that they need. That is the order of the file, but for contexts that lead to stages.
    fn in_order(&self, needed: BTreeSet<StageId>) -> Vec<StageId> {
        if !self.has_stage_contexts() {
            return needed.into_iter().collect();
        }
        let mut left: BTreeMap<StageId, Vec<StageEdge>> = needed.iter().map(|id| (*id, self.edges(*id))).collect();
        let mut ordered = Vec::new();
        while !left.is_empty() {
            let ready = left.iter().find(|(_, edges)| edges.iter().all(|edge| !left.contains_key(&edge.to)));
            // There are no circles any more; without this one there could be no end.
            let Some(next) = ready.or_else(|| left.iter().next()).map(|(id, _)| *id) else { break };
            left.remove(&next);
            ordered.push(next);
        }
        ordered
    }

    /// The context that stands in for a stage of that name.
    fn replaced(&self, stage: StageId) -> Option<(String, NamedContext)> {
        let name = self.table.get(stage)?.name.as_ref()?;
        let (name, context) = self.context(&name.value, &self.platform(stage))?;
        // A stage cannot be replaced by itself.
        (self.stage_of(&context) != Some(stage)).then_some((name, context))
    }

    /// A named context, by the name as written or in its short form, with or without `:latest`; one for a platform
    /// (`NAME::PLATFORM`) comes before one for all.
    ///
    /// Spec: dockerfile-semantics 4.6.
    fn context(&self, name: &str, platform: &Platform) -> Option<(String, NamedContext)> {
        if self.options.contexts.is_empty() || RESERVED.iter().any(|reserved| name.eq_ignore_ascii_case(reserved)) {
            return None;
        }
        let mut names = vec![name.to_owned()];
        if let Ok(reference) = name.parse::<Reference>() {
            names.push(reference.familiar());
            if reference.tag() == Some(crate::reference::DEFAULT_TAG) {
                names.push(reference.familiar_name());
            }
        }
        let suffixed = names.iter().map(|name| format!("{name}::{platform}"));
        let found = suffixed.chain(names.iter().cloned()).find_map(|name| self.options.contexts.get_key_value(&name));
        found.map(|(name, context)| (name.clone(), context.clone()))
    }

    /// What a named context is to whoever builds upon it or copies from it.
    fn context_source(&mut self, name: String, context: NamedContext, span: Span) -> Option<Source> {
        match &context {
            NamedContext::Scratch => Some(Source::Scratch),
            NamedContext::Stage(target) => match self.table.target(Some(target)) {
                Ok(stage) => Some(Source::Stage(stage)),
                Err(diagnostic) => {
                    let message = format!("{} (for the context `{name}`)", diagnostic.message);
                    self.diagnostics.push(Diagnostic::error("unknown-target", span, message));
                    None
                }
            },
            _ => Some(Source::Context(name, context)),
        }
    }

    /// What a name means to a stage that copies from it.
    fn copy_source(&mut self, at: StageId, name: &str, span: Span) -> Option<Source> {
        if name == SCRATCH {
            return Some(Source::Scratch);
        }
        if let Some((name, context)) = self.context(name, &self.platform(at)) {
            return self.context_source(name, context, span);
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
