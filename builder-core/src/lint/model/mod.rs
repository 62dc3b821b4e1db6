//! What the rules look at: a Dockerfile with its stages, and the scripts in it read as a shell reads them.
//!
//! It is made once a file; a rule never parses anything itself.

mod command;
mod script;
mod shell;
mod variables;

use std::collections::HashMap;
use std::ops::Range;

pub use command::{Argument, CommandView};
pub use script::{ScriptView, scripts_of};
pub use shell::{Shell, ShellKind};
pub use variables::{Grammar, Known, Variables};

use super::options::{Dialect, LintOptions};
use crate::dockerfile::{Dockerfile, Instruction, InstructionKind, SourceText, TransferSource};
use crate::text::SourceFile;

/// One instruction as rules see it: a trigger of `ONBUILD` is one too.
#[derive(Clone, Copy, Debug)]
pub struct InstructionView<'a> {
    /// The place of the instruction in the file.
    pub index: usize,
    /// The stage that it belongs to; `None` before the first `FROM`.
    pub stage: Option<usize>,
    /// The instruction; for `ONBUILD` its trigger.
    pub instruction: &'a Instruction,
    /// The instruction as it stands in the file.
    pub outer: &'a Instruction,
}

impl<'a> InstructionView<'a> {
    /// Tells whether it is a trigger of `ONBUILD`.
    pub fn is_trigger(&self) -> bool {
        !std::ptr::eq(self.instruction, self.outer)
    }

    /// Returns what it says.
    pub fn kind(&self) -> &'a InstructionKind {
        &self.instruction.kind
    }

    /// Returns the paths that a `COPY` or `ADD` takes from the build context, as written.
    pub fn context_sources(&self) -> impl Iterator<Item = &'a SourceText> {
        let transfer = match self.kind() {
            InstructionKind::Copy(transfer) | InstructionKind::Add(transfer) => Some(transfer),
            _ => None,
        };
        let sources = transfer.filter(|transfer| transfer.from.is_none()).into_iter();
        sources.flat_map(|transfer| &transfer.sources).filter_map(|source| match source {
            TransferSource::Path(path) => Some(path),
            TransferSource::Heredoc(_) => None,
        })
    }
}

/// One stage.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StageView {
    /// Its number.
    pub index: usize,
    /// The place of its `FROM` in the file.
    pub from: usize,
    /// The places of its other instructions.
    pub body: Range<usize>,
    /// Its name as written.
    pub name: Option<String>,
    /// The image as written, quotes and all.
    pub image: String,
    /// The earlier stage that it begins from.
    pub parent: Option<usize>,
    /// Whether no stage comes after it.
    pub is_last: bool,
}

/// What the rules look at.
#[derive(Debug)]
pub struct Model<'a> {
    /// Every instruction, `ONBUILD` itself first and then its trigger.
    pub instructions: Vec<InstructionView<'a>>,
    /// Every stage.
    pub stages: Vec<StageView>,
    /// Every script of a shell.
    pub scripts: Vec<ScriptView<'a>>,
    /// For each stage, whether the last one begins from it.
    shipped: Vec<bool>,
}

impl<'a> Model<'a> {
    /// Makes the model of a file.
    pub fn new(source: &SourceFile, dockerfile: &'a Dockerfile, options: &LintOptions) -> Self {
        let stages = stages(dockerfile, options.dialect);
        let mut instructions = Vec::with_capacity(dockerfile.instructions.len());
        let mut stage = None;
        for (index, outer) in dockerfile.instructions.iter().enumerate() {
            if matches!(outer.kind, InstructionKind::From(_)) {
                stage = Some(stage.map_or(0, |stage| stage + 1));
            }
            instructions.push(InstructionView { index, stage, instruction: outer, outer });
            if let InstructionKind::OnBuild(on_build) = &outer.kind {
                instructions.push(InstructionView { index, stage, instruction: &on_build.trigger, outer });
            }
        }
        let scripts = scripts_of(source, dockerfile, &instructions, &stages, options);
        let shipped = shipped(&stages);
        Self { instructions, stages, scripts, shipped }
    }

    /// Returns the instructions of a stage without its `FROM`, triggers left out.
    pub fn body(&self, stage: usize) -> impl Iterator<Item = &InstructionView<'a>> {
        let place = |index: usize| self.instructions.partition_point(|view| view.index < index);
        let range = self.stages.get(stage).map_or(0..0, |stage| place(stage.body.start)..place(stage.body.end));
        self.instructions.get(range).unwrap_or_default().iter().filter(|view| !view.is_trigger())
    }

    /// Returns a stage and the ones that it begins from, itself first.
    pub fn ancestry(&self, stage: usize) -> impl Iterator<Item = &StageView> {
        std::iter::successors(self.stages.get(stage), |stage| self.stages.get(stage.parent?))
    }

    /// Tells whether the layers of a stage are part of the last one.
    pub fn is_shipped(&self, stage: usize) -> bool {
        self.shipped.get(stage).copied().unwrap_or_default()
    }

    /// Tells whether a stage begins, at the root of its ancestry, from an image whose programs are busybox's, as far as
    /// the name of the image says.
    pub fn is_busybox(&self, stage: usize) -> bool {
        let root = self.ancestry(stage).last();
        root.is_some_and(|root| ["alpine", "busybox"].iter().any(|name| root.image.contains(name)))
    }

    /// Returns the scripts of a stage's `RUN`s in order, triggers left out.
    pub fn runs(&self, stage: usize) -> impl Iterator<Item = &ScriptView<'a>> {
        let place = |index: usize| self.scripts.partition_point(|script| script.view.index < index);
        let range = self.stages.get(stage).map_or(0..0, |stage| place(stage.body.start)..place(stage.body.end));
        let scripts = self.scripts.get(range).unwrap_or_default().iter();
        scripts.filter(|script| script.is_run() && !script.view.is_trigger())
    }
}

fn stages(dockerfile: &Dockerfile, dialect: Dialect) -> Vec<StageView> {
    let mut stages: Vec<StageView> = Vec::new();
    // The last stage of a name counts.
    let mut names: HashMap<String, usize> = HashMap::new();
    let froms = dockerfile.instructions.iter().enumerate().filter_map(|(at, instruction)| match &instruction.kind {
        InstructionKind::From(from) => Some((at, from)),
        _ => None,
    });
    for (at, from) in froms {
        if let Some(last) = stages.last_mut() {
            last.body.end = at;
            last.is_last = false;
        }
        let parent = names.get(&key(from.image.as_str(), dialect)).copied();
        if let Some(name) = &from.name {
            names.insert(key(&name.value, dialect), stages.len());
        }
        stages.push(StageView {
            index: stages.len(),
            from: at,
            body: at + 1..dockerfile.instructions.len(),
            name: from.name.as_ref().map(|name| name.value.clone()),
            image: from.image.as_str().to_owned(),
            parent,
            is_last: true,
        });
    }
    stages
}

fn shipped(stages: &[StageView]) -> Vec<bool> {
    let mut shipped = vec![false; stages.len()];
    for stage in std::iter::successors(stages.last(), |stage| stages.get(stage.parent?)) {
        shipped[stage.index] = true;
    }
    shipped
}

/// What names of stages are compared by: hadolint looks at letter case.
fn key(name: &str, dialect: Dialect) -> String {
    match dialect {
        Dialect::Hadolint => name.to_owned(),
        Dialect::Builder | Dialect::Buildkit => name.to_lowercase(),
    }
}
