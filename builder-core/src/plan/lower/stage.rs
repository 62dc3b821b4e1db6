//! One stage: where it begins, its instructions in order, and what it leaves to the stages after it.

use std::collections::BTreeMap;

use super::{Planner, Source};
use crate::diagnostic::Diagnostic;
use crate::dockerfile::{EscapeCharacter, Instruction, InstructionKind, SourceText, parse_trigger};
use crate::ids::StageId;
use crate::oci::ImageConfig;
use crate::plan::op::{CopyFrom, CopyOp, CopyPart, CopySource, FilesystemRef, HostOp, Op};
use crate::plan::{NamedContext, PlannedHistory};
use crate::platform::Platform;
use crate::remote::without_credentials;
use crate::semantic::scope::Variables;
use crate::semantic::stage_table::Base;
use crate::text::Span;

/// The search path of images that set none (dockerfile-semantics 3.4).
pub(super) const DEFAULT_PATH: &str = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// The root of a filesystem as Windows writes it.
const WINDOWS_ROOT: &str = "\\";

/// What a stage is after its last instruction so far.
#[derive(Clone)]
pub(super) struct StageState {
    pub(super) filesystem: FilesystemRef,
    pub(super) config: ImageConfig,
    pub(super) variables: Variables,
    pub(super) history: Vec<PlannedHistory>,
    pub(super) platform: Platform,
    /// Whether a `CMD` was seen in this stage: then `ENTRYPOINT` leaves it alone.
    pub(super) cmd_set: bool,
}

impl StageState {
    fn new(filesystem: FilesystemRef, mut config: ImageConfig, platform: Platform) -> Self {
        let sets_path = config.config.env.iter().any(|entry| entry.starts_with("PATH="));
        // Windows has a search path of its own (dockerfile-semantics 8.6).
        if !sets_path && platform.os != "windows" {
            config.config.env.push(DEFAULT_PATH.to_owned());
        }
        let variables = Variables::from_env(&config.config.env);
        Self { filesystem, config, variables, history: Vec::new(), platform, cmd_set: false }
    }

    fn scratch(platform: Platform) -> Self {
        let mut config = ImageConfig::empty(&platform);
        let root = if platform.os == "windows" { WINDOWS_ROOT } else { "/" };
        root.clone_into(&mut config.config.working_dir);
        Self::new(FilesystemRef::Scratch, config, platform)
    }

    /// The working directory, absolute.
    pub(super) fn cwd(&self) -> &str {
        let cwd = self.config.config.working_dir.as_str();
        if cwd.is_empty() || cwd == WINDOWS_ROOT { "/" } else { cwd }
    }

    pub(super) fn add_history(&mut self, created_by: String, vertex: Option<crate::ids::VertexId>) {
        self.history.push(PlannedHistory { created_by: Some(created_by), vertex });
    }
}

/// A stage while its instructions are gone through.
pub(super) struct StageBuilder<'b, 'p> {
    pub(super) planner: &'b mut Planner<'p>,
    pub(super) states: &'b BTreeMap<StageId, Option<StageState>>,
    pub(super) state: StageState,
    pub(super) id: StageId,
    pub(super) escape: EscapeCharacter,
    /// For triggers of the base, the place of `FROM`: their own spans point into another text.
    pub(super) instead: Option<Span>,
    label: String,
    step: usize,
    steps: usize,
}

impl Planner<'_> {
    /// Plans one stage; `None` where something is wrong or an image is not known yet.
    pub(super) fn stage(&mut self, id: StageId, states: &BTreeMap<StageId, Option<StageState>>) -> Option<StageState> {
        let entry = self.table.get(id)?.clone();
        let span = self.span_of_from(id);
        let label = self.label(id);
        // What is wrong with a `FROM` has been reported.
        let (Ok(platform), Ok(base)) = (entry.platform, entry.base) else { return None };
        let wanted = platform.clone().unwrap_or_else(|| self.options.platform.clone());
        if let Some((name, context)) = self.replaced(id) {
            return match self.context_source(name, context, span)? {
                Source::Context(name, context) => self.outside(&name, &context, wanted, id, span),
                Source::Stage(stage) => states.get(&stage)?.clone(),
                Source::Scratch | Source::Image(_) => Some(StageState::scratch(wanted)),
            };
        }
        let base = match base {
            Base::Scratch => Source::Scratch,
            Base::Stage(stage) => Source::Stage(stage),
            Base::Outside(name) => match self.context(&name, &self.platform(id)) {
                Some((name, context)) => self.context_source(name, context, span)?,
                None => Source::Image(name),
            },
        };
        let (mut counts_base, mut shows_base) = (true, true);
        let mut stage = match base {
            Source::Scratch => {
                counts_base = false;
                StageState::scratch(wanted)
            }
            Source::Stage(stage) => {
                counts_base = false;
                let mut parent = states.get(&stage)?.clone()?;
                parent.platform = platform.unwrap_or(parent.platform);
                parent.cmd_set = false;
                parent
            }
            Source::Context(name, context) => {
                shows_base = matches!(context, NamedContext::Image | NamedContext::Host(_));
                self.outside(&name, &context, wanted, id, span)?
            }
            Source::Image(name) => self.begin_from_image(&name, wanted, id, span)?,
        };
        let triggers = std::mem::take(&mut stage.config.config.on_build);
        let body: Vec<Instruction> = self.table.body(self.dockerfile, id).to_vec();
        let triggers = self.triggers(&triggers, span);
        let steps = triggers.iter().chain(&body).filter(|instruction| is_step(instruction)).count();
        let escape = self.dockerfile.escape;
        let mut builder = StageBuilder {
            planner: self,
            states,
            state: stage,
            id,
            escape,
            instead: Some(span),
            label,
            step: usize::from(counts_base && shows_base),
            steps: steps + usize::from(counts_base),
        };
        for trigger in &triggers {
            builder.instruction(trigger);
        }
        builder.instead = None;
        for instruction in &body {
            builder.instruction(instruction);
        }
        Some(builder.state)
    }

    /// `name `, `stage-1 ` or, for a single stage without a name, nothing. What is copied or mounted from elsewhere
    /// counts as a stage, as with BuildKit.
    fn label(&self, id: StageId) -> String {
        match self.table.get(id).and_then(|stage| stage.name.as_ref()) {
            Some(name) => format!("{} ", name.value),
            None if self.table.stages().len() > 1 || self.has_other_sources(id) => format!("stage-{id} "),
            None => String::new(),
        }
    }

    fn has_other_sources(&self, id: StageId) -> bool {
        self.table.body(self.dockerfile, id).iter().any(|instruction| match &instruction.kind {
            InstructionKind::Copy(transfer) => transfer.from.is_some(),
            InstructionKind::Run(run) => !run.mounts.is_empty(),
            _ => false,
        })
    }

    fn base_prefix(&self, id: StageId, platform: &Platform) -> String {
        let body = self.table.body(self.dockerfile, id);
        let steps = 1 + body.iter().filter(|instruction| is_step(instruction)).count();
        format!("[{}{}{}] ", self.shown_platform(platform, None), self.label(id), counted(1, steps))
    }

    fn triggers(&mut self, texts: &[String], span: Span) -> Vec<Instruction> {
        let mut triggers = Vec::new();
        for text in texts {
            match parse_trigger(text) {
                Ok(trigger) => triggers.push(trigger),
                Err(errors) => {
                    let what = errors.first().map_or("it does not parse", |error| error.message.as_str());
                    let message = format!("the base image has an ONBUILD trigger that cannot be used: {what}");
                    self.diagnostics.push(
                        Diagnostic::error("invalid-trigger", span, message).note(format!("the trigger is `{text}`")),
                    );
                }
            }
        }
        triggers
    }

    fn begin_from_image(&mut self, name: &str, platform: Platform, id: StageId, span: Span) -> Option<StageState> {
        let operand = self.operand_span(id).unwrap_or(span);
        let (key, image) = self.image(name, &platform, operand)?;
        let prefix = self.base_prefix(id, &platform);
        let filesystem = self.image_vertex(key, &image, &prefix, span, id);
        let mut config = image.config;
        config.created = None;
        Some(StageState::new(filesystem, config, platform))
    }

    fn operand_span(&self, id: StageId) -> Option<Span> {
        match &self.dockerfile.instructions.get(self.table.get(id)?.from)?.kind {
            InstructionKind::From(from) => Some(from.image.span()),
            _ => None,
        }
    }

    /// A stage that begins with a named context.
    fn outside(
        &mut self,
        name: &str,
        context: &NamedContext,
        platform: Platform,
        id: StageId,
        span: Span,
    ) -> Option<StageState> {
        if *context == NamedContext::Image {
            return self.begin_from_image(name, platform, id, span);
        }
        let mut state = StageState::scratch(platform);
        let filesystem = self.context_filesystem(name, context, &state.platform, id, span)?;
        // BuildKit says nothing of other contexts as a base; its exporter fills the history up at the end.
        let created_by = match context {
            NamedContext::Host(programs) => Some(format!("FROM host:{} # builder", programs.join(","))),
            _ => None,
        };
        if let FilesystemRef::Vertex(vertex) = filesystem {
            state.history.push(PlannedHistory { created_by, vertex: Some(vertex) });
        }
        state.filesystem = filesystem;
        Some(state)
    }

    /// The filesystem that a named context is.
    pub(super) fn context_filesystem(
        &mut self,
        name: &str,
        context: &NamedContext,
        platform: &Platform,
        id: StageId,
        span: Span,
    ) -> Option<FilesystemRef> {
        match context {
            NamedContext::Scratch | NamedContext::Stage(_) => None,
            NamedContext::Image => {
                let (key, image) = self.image(name, platform, span)?;
                Some(self.image_vertex(key, &image, &format!("[context {name}] "), span, id))
            }
            NamedContext::Host(programs) => {
                let step = format!("[context {name}] programs of this machine: {}", programs.join(" "));
                let op = Op::Host(HostOp { programs: programs.clone() });
                Some(FilesystemRef::Vertex(self.vertex(op, step, span, id)))
            }
            NamedContext::Remote(source) => {
                let step = format!("[context {name}] {}", source.display());
                Some(FilesystemRef::Vertex(self.vertex(Op::Remote(source.clone()), step, span, id)))
            }
            NamedContext::Local => {
                let sources = vec![CopySource::Path { path: "/".to_owned(), span }];
                let part = CopyPart { from: CopyFrom::Context(name.to_owned()), sources, unpack: false };
                let op = CopyOp::new(FilesystemRef::Scratch, vec![part], "/".to_owned(), platform.clone());
                let op = Op::Copy(op);
                let step = format!("[context {name}] load from a local directory");
                Some(FilesystemRef::Vertex(self.vertex(op, step, span, id)))
            }
        }
    }
}

/// ` 3/12`: numbers stand below each other.
fn counted(step: usize, steps: usize) -> String {
    let width = steps.to_string().len();
    format!("{step:>width$}/{steps}")
}

/// Whether an instruction is a step with a layer of its own.
fn is_step(instruction: &Instruction) -> bool {
    matches!(
        instruction.kind,
        InstructionKind::Run(_) | InstructionKind::Copy(_) | InstructionKind::Add(_) | InstructionKind::Workdir(_)
    )
}

impl StageBuilder<'_, '_> {
    fn instruction(&mut self, instruction: &Instruction) {
        if is_step(instruction) {
            self.step += 1;
        }
        match &instruction.kind {
            InstructionKind::Run(run) => self.run(instruction, run),
            InstructionKind::Copy(transfer) => self.transfer(instruction, transfer, false),
            InstructionKind::Add(transfer) => self.transfer(instruction, transfer, true),
            InstructionKind::Workdir(path) => self.workdir(instruction, path),
            InstructionKind::From(_) | InstructionKind::Invalid => {}
            _ => self.metadata(instruction),
        }
    }

    /// The place to show for a span of the instruction.
    pub(super) fn place(&self, span: Span) -> Span {
        self.instead.unwrap_or(span)
    }

    pub(super) fn error(&mut self, id: &'static str, span: Span, message: impl Into<String>) {
        self.planner.diagnostics.push(Diagnostic::error(id, self.place(span), message));
    }

    /// Expands a word; `None` where that was reported to be impossible.
    pub(super) fn expand(&mut self, word: &SourceText) -> Option<String> {
        match self.state.variables.expand(word.as_str(), self.escape) {
            Ok(expansion) => Some(expansion.text),
            Err(error) => {
                self.error("invalid-expansion", word.span_of(error.range.clone()), error.to_string());
                None
            }
        }
    }

    pub(super) fn expand_str(&mut self, word: &str, span: Span) -> Option<String> {
        match self.state.variables.expand(word, self.escape) {
            Ok(expansion) => Some(expansion.text),
            Err(error) => {
                self.error("invalid-expansion", span, error.to_string());
                None
            }
        }
    }

    /// `[label i/n] KEYWORD …`.
    pub(super) fn step_name(&self, text: &str) -> String {
        let trigger = if self.instead.is_some() { "ONBUILD " } else { "" };
        let platform = self.planner.shown_platform(&self.state.platform, Some(&self.state.variables));
        format!("[{platform}{}{}] {trigger}{text}", self.label, counted(self.step, self.steps))
    }

    /// The instruction as one line: the keyword in upper case, the operands, expanded where that works.
    pub(super) fn shown(&self, instruction: &Instruction, expanded: bool) -> String {
        let line = instruction.line.as_str().trim();
        let rest = line.get(instruction.keyword.value.len()..).unwrap_or("").trim();
        let rest = if expanded {
            self.state.variables.expand(rest, self.escape).map_or_else(|_| rest.to_owned(), |e| e.text)
        } else {
            rest.to_owned()
        };
        // Addresses may hold a password, which nobody reads over a shoulder.
        let rest: String = rest.split_inclusive(char::is_whitespace).map(without_credentials).collect();
        format!("{} {rest}", instruction.keyword.value.to_ascii_uppercase())
    }

    /// Adds the vertex of a step and its history entry; the stage goes on from there.
    pub(super) fn step(&mut self, op: Op, name: String, span: Span, created_by: String) {
        let span = self.place(span);
        let vertex = self.planner.vertex(op, name, span, self.id);
        self.state.filesystem = FilesystemRef::Vertex(vertex);
        self.state.add_history(created_by, Some(vertex));
    }
}
