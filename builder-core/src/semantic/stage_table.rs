//! The stages of a Dockerfile: names, numbers, and what each begins from.

use std::collections::BTreeSet;
use std::ops::Range;

use super::scope::{GlobalScope, expansion_error};
use super::suggest::nearest;
use crate::diagnostic::Diagnostic;
use crate::dockerfile::{Dockerfile, From, Instruction, InstructionKind};
use crate::ids::StageId;
use crate::platform::Platform;
use crate::text::Spanned;

/// The name of the empty filesystem.
pub const SCRATCH: &str = "scratch";

/// What a stage begins from, as far as the Dockerfile says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Base {
    /// The empty filesystem.
    Scratch,
    /// An earlier stage.
    Stage(StageId),
    /// An image or a named context, by its name after expansion.
    Outside(String),
}

/// One stage.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Stage {
    /// Its number.
    pub id: StageId,
    /// Its name in lower case, where it has one.
    pub name: Option<Spanned<String>>,
    /// The index of its `FROM` in the Dockerfile's instructions.
    pub from: usize,
    /// The indexes of its other instructions.
    pub body: Range<usize>,
    /// What it begins from, or why that cannot be said.
    pub base: Result<Base, Diagnostic>,
    /// The platform that `--platform` asks for, or why that cannot be said.
    pub platform: Result<Option<Platform>, Diagnostic>,
}

impl Stage {
    /// Returns the name, or the number as text.
    pub fn label(&self) -> String {
        self.name.as_ref().map_or_else(|| self.id.to_string(), |name| name.value.clone())
    }
}

/// What a reference to a stage by name or number leads to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum StageLookup {
    /// A stage before the one that refers.
    Earlier(StageId),
    /// The stage that refers, or one after it.
    NotYet(StageId),
    /// A number that no stage has.
    InvalidIndex(i64),
    /// No stage has this name.
    Unknown,
}

/// The stages of a Dockerfile, in order.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct StageTable {
    stages: Vec<Stage>,
}

impl StageTable {
    /// Finds the stages of a Dockerfile and resolves what they begin from.
    pub fn new(dockerfile: &Dockerfile, globals: &GlobalScope) -> Self {
        let mut table = Self::default();
        let mut starts = dockerfile
            .instructions
            .iter()
            .enumerate()
            .filter_map(|(index, instruction)| match &instruction.kind {
                InstructionKind::From(from) => Some((index, from)),
                _ => None,
            })
            .peekable();
        while let Some((index, from)) = starts.next() {
            let end = starts.peek().map_or(dockerfile.instructions.len(), |(next, _)| *next);
            let id = StageId(u32::try_from(table.stages.len()).unwrap_or(u32::MAX));
            let stage = Stage {
                id,
                name: from.name.as_ref().map(|name| Spanned::new(name.value.to_lowercase(), name.span)),
                from: index,
                body: index + 1..end,
                base: table.base(from, globals),
                platform: platform(from, globals),
            };
            table.stages.push(stage);
        }
        table
    }

    /// Returns all stages in order.
    pub fn stages(&self) -> &[Stage] {
        &self.stages
    }

    /// Returns a stage by its number.
    pub fn get(&self, id: StageId) -> Option<&Stage> {
        self.stages.get(id.index())
    }

    /// Returns the instructions of a stage, `FROM` excluded.
    pub fn body<'d>(&self, dockerfile: &'d Dockerfile, id: StageId) -> &'d [Instruction] {
        self.get(id).and_then(|stage| dockerfile.instructions.get(stage.body.clone())).unwrap_or(&[])
    }

    /// Finds the target: the last stage, or the last one with a name (letter case aside).
    ///
    /// # Errors
    /// The target that does not exist, with the nearest name.
    pub fn target(&self, name: Option<&str>) -> Result<StageId, Diagnostic> {
        let Some(name) = name else {
            return self.stages.last().map(|stage| stage.id).ok_or_else(|| {
                Diagnostic::new(
                    crate::diagnostic::Severity::Error,
                    "no-stages",
                    "dockerfile contains no stages to build",
                )
                .help("begin with `FROM` and the name of an image")
            });
        };
        let lower = name.to_lowercase();
        let found = self.stages.iter().rev().find(|s| s.name.as_ref().is_some_and(|n| n.value == lower));
        found.map(|stage| stage.id).ok_or_else(|| self.unknown_target(name))
    }

    fn unknown_target(&self, name: &str) -> Diagnostic {
        let mut message = format!("target stage {} could not be found", crate::text::go_quoted(name));
        if let Some(similar) = self.nearest_name(name) {
            message.push_str(&format!(" (did you mean {similar}?)"));
        }
        let names: BTreeSet<&str> = self.names().collect();
        let help = if names.is_empty() {
            "no stage has a name; name one with `FROM image AS name`".to_owned()
        } else {
            let list: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
            format!("the stages are {}", list.join(", "))
        };
        Diagnostic::new(crate::diagnostic::Severity::Error, "unknown-target", message).help(help)
    }

    /// Returns what is wrong with the `FROM` lines of all stages, in their order: whatever is built, each has to name
    /// something (dockerfile-semantics 3.1).
    pub fn errors(&self) -> impl Iterator<Item = &Diagnostic> {
        self.stages.iter().flat_map(|stage| stage.base.as_ref().err().into_iter().chain(stage.platform.as_ref().err()))
    }

    /// Finds the stage that `--from=name` in the stage `at` means: by number, else by name. A name is that of the last
    /// stage of the file that has it, as with BuildKit.
    pub fn lookup(&self, at: StageId, name: &str) -> StageLookup {
        if let Ok(index) = name.parse::<i64>() {
            let stage = usize::try_from(index).ok().and_then(|index| self.stages.get(index));
            return stage.map_or(StageLookup::InvalidIndex(index), |stage| ordered(at, stage.id));
        }
        let lower = name.to_lowercase();
        let named = self.stages.iter().rfind(|s| s.name.as_ref().is_some_and(|n| n.value == lower));
        named.map_or(StageLookup::Unknown, |stage| ordered(at, stage.id))
    }

    /// Returns the stage name nearest to a word, where one is near.
    pub fn nearest_name(&self, name: &str) -> Option<&str> {
        nearest(name, self.names())
    }

    fn names(&self) -> impl Iterator<Item = &str> {
        self.stages.iter().filter_map(|stage| stage.name.as_ref()).map(|name| name.value.as_str())
    }

    fn base(&self, from: &From, globals: &GlobalScope) -> Result<Base, Diagnostic> {
        let expansion = globals.expand(&from.image).map_err(|error| expansion_error(&error, &from.image, None))?;
        if expansion.text.is_empty() {
            let message = format!("base name ({}) should not be blank", from.image.as_str());
            let unset = expansion.references.iter().find(|reference| !reference.set);
            let mut diagnostic = Diagnostic::error("blank-base-name", from.image.span(), message);
            if let Some(unset) = unset {
                diagnostic = diagnostic.help(missing_argument(&unset.name, globals));
            }
            return Err(diagnostic);
        }
        let name = expansion.text;
        let stage = self.stages.iter().rfind(|s| s.name.as_ref().is_some_and(|n| n.value == name));
        // A stage may have any name, and then it is what the name means.
        Ok(match stage {
            Some(stage) => Base::Stage(stage.id),
            None if name == SCRATCH => Base::Scratch,
            None => Base::Outside(name),
        })
    }
}

fn ordered(at: StageId, stage: StageId) -> StageLookup {
    if stage < at { StageLookup::Earlier(stage) } else { StageLookup::NotYet(stage) }
}

fn missing_argument(name: &str, globals: &GlobalScope) -> String {
    match nearest(name, globals.names()) {
        Some(similar) => format!("`{name}` has no value; did you mean `{similar}`?"),
        None => format!(
            "`{name}` has no value here: give it a default with `ARG {name}=…` before the first `FROM`, or pass `--build-arg {name}=…`"
        ),
    }
}

/// As [`missing_argument`], where BuildKit has the suggestion in its message.
fn meant_argument(name: &str, globals: &GlobalScope) -> String {
    match nearest(name, globals.names()) {
        Some(similar) => format!("did you mean `{similar}`?"),
        None => missing_argument(name, globals),
    }
}

fn platform(from: &From, globals: &GlobalScope) -> Result<Option<Platform>, Diagnostic> {
    let Some(word) = &from.platform else { return Ok(None) };
    let error = |id, message: String| Diagnostic::error(id, word.span, message);
    let expansion =
        globals.expand_str(&word.value).map_err(|failure| error("invalid-expansion", failure.to_string()))?;
    if expansion.text.is_empty() {
        let mut diagnostic = error("empty-platform", format!("empty platform value from expression {}", word.value));
        if let Some(unset) = expansion.references.iter().find(|reference| !reference.set) {
            diagnostic = diagnostic.help(meant_argument(&unset.name, globals));
        }
        return Err(diagnostic);
    }
    expansion.text.parse().map(Some).map_err(|_| {
        let value = if expansion.text == word.value { String::new() } else { format!(": it is `{}`", expansion.text) };
        let diagnostic = error("invalid-platform", format!("failed to parse platform {}{value}", word.value));
        match expansion.references.iter().find(|reference| !reference.set) {
            Some(unset) => diagnostic.help(meant_argument(&unset.name, globals)),
            None => diagnostic.help("a platform is `os[/arch[/variant]]`, such as `linux/arm64`"),
        }
    })
}
