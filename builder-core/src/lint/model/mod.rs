//! What the rules look at: a Dockerfile with its stages, and the scripts in it read as a shell reads them.
//!
//! It is made once a file; a rule never parses anything itself.

mod command;
mod delivery;
mod script;
mod shell;
mod variables;

use std::cell::{OnceCell, RefCell};
use std::collections::{HashMap, HashSet};
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
    /// The stage at the beginning of the chain: itself, where it begins from an image.
    pub root: usize,
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
    /// The first or last `RUN` of a stage of which something is so, by stage and what: rules ask for every command.
    remembered_runs: RefCell<HashMap<(usize, String), Option<usize>>>,
    /// For each stage, whether its layers reach an image.
    delivered: OnceCell<Vec<bool>>,
    /// The images of all stages without registry, tag and digest.
    base_names: OnceCell<HashSet<String>>,
    /// Where each stage has the instructions of a kind.
    places: RefCell<HashMap<&'static str, Vec<Vec<usize>>>>,
}

/// How many stages of a chain are looked at: nobody writes more, and every stage asks.
const CHAIN: usize = 100;

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
        Self {
            instructions,
            stages,
            scripts,
            shipped,
            remembered_runs: RefCell::default(),
            delivered: OnceCell::new(),
            base_names: OnceCell::new(),
            places: RefCell::default(),
        }
    }

    /// Returns the instructions of a stage without its `FROM`, triggers left out.
    pub fn body(&self, stage: usize) -> impl DoubleEndedIterator<Item = &InstructionView<'a>> {
        let place = |index: usize| self.instructions.partition_point(|view| view.index < index);
        let range = self.stages.get(stage).map_or(0..0, |stage| place(stage.body.start)..place(stage.body.end));
        self.instructions.get(range).unwrap_or_default().iter().filter(|view| !view.is_trigger())
    }

    /// Returns a stage and the ones that it begins from, itself first, as far as they are looked at.
    pub fn ancestry(&self, stage: usize) -> impl Iterator<Item = &StageView> {
        std::iter::successors(self.stages.get(stage), |stage| self.stages.get(stage.parent?)).take(CHAIN)
    }

    /// Returns the stage that begins from an image, and that a stage goes back to.
    pub fn root(&self, stage: usize) -> Option<&StageView> {
        self.stages.get(self.stages.get(stage)?.root)
    }

    /// Returns where a stage has its first `RUN` of which something holds. It is looked for once; `what` says what.
    pub fn first_run(&self, stage: usize, what: &str, holds: impl Fn(&ScriptView<'a>) -> bool) -> Option<usize> {
        self.remembered(stage, what.to_owned(), || self.runs(stage).find(|script| holds(script)))
    }

    /// Returns where a stage has its last `RUN` of which something holds, as [`Model::first_run`] does.
    pub fn last_run(&self, stage: usize, what: &str, holds: impl Fn(&ScriptView<'a>) -> bool) -> Option<usize> {
        self.remembered(stage, format!("last {what}"), || self.runs(stage).filter(|script| holds(script)).last())
    }

    fn remembered<'m>(
        &'m self,
        stage: usize,
        what: String,
        find: impl FnOnce() -> Option<&'m ScriptView<'a>>,
    ) -> Option<usize> {
        let key = (stage, what);
        if let Some(known) = self.remembered_runs.borrow().get(&key) {
            return *known;
        }
        let found = find().map(|script| script.view.index);
        self.remembered_runs.borrow_mut().insert(key, found);
        found
    }

    /// Returns the last instruction of a kind in a stage before another instruction; `what` names the kind, and it is
    /// looked for once.
    pub fn last_before(
        &self,
        view: &InstructionView<'_>,
        what: &'static str,
        is_meant: fn(&InstructionView<'_>) -> bool,
    ) -> Option<&InstructionView<'a>> {
        let mut places = self.places.borrow_mut();
        let of_stages = places.entry(what).or_insert_with(|| {
            let mut of_stages = vec![Vec::new(); self.stages.len()];
            for (at, known) in self.instructions.iter().enumerate().filter(|(_, known)| is_meant(known)) {
                if let Some(found) = known.stage.and_then(|stage| of_stages.get_mut(stage)) {
                    found.push(at);
                }
            }
            of_stages
        });
        let found = of_stages.get(view.stage?)?;
        let count = found.partition_point(|at| self.instructions[*at].index < view.index);
        self.instructions.get(*found.get(count.checked_sub(1)?)?)
    }

    /// Tells for each stage whether what it has in its layers reaches an image.
    pub fn delivered(&self) -> &[bool] {
        self.delivered.get_or_init(|| delivery::delivered(&self.stages, &self.instructions))
    }

    /// Returns the images of all stages without registry, tag and digest.
    pub fn base_names(&self) -> &HashSet<String> {
        self.base_names.get_or_init(|| delivery::base_names(&self.stages))
    }

    /// Tells whether the layers of a stage are part of the last one.
    pub fn is_shipped(&self, stage: usize) -> bool {
        self.shipped.get(stage).copied().unwrap_or_default()
    }

    /// Tells whether a stage begins, at the root of its ancestry, from an image whose programs are busybox's, as far as
    /// the name of the image says.
    pub fn is_busybox(&self, stage: usize) -> bool {
        self.root(stage).is_some_and(|root| ["alpine", "busybox"].iter().any(|name| root.image.contains(name)))
    }

    /// Returns the first script of an instruction or a trigger.
    pub fn script_of(&self, view: &InstructionView<'_>) -> Option<&ScriptView<'a>> {
        let first = self.scripts.partition_point(|script| script.view.index < view.index);
        let scripts = self.scripts.get(first..)?.iter().take_while(|script| script.view.index == view.index);
        scripts.into_iter().find(|script| std::ptr::eq(script.view.instruction, view.instruction))
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
            root: parent.and_then(|parent| stages.get(parent)).map_or(stages.len(), |parent| parent.root),
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
