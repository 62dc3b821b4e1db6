//! Stages and variables: where they are made, where they are used, and what they hold.

use std::collections::HashMap;

use builder_core::dockerfile::expand::expand;
use builder_core::dockerfile::{
    ArgDeclaration, Command, Dockerfile, EscapeCharacter, Instruction, InstructionKind, SourceText,
};
use builder_core::semantic::reachability::{ReferenceKind, from_operands};
use builder_core::text::{SourceFile, Span, Spanned};

use super::variables::variables;

/// How many stages a name is looked for up, from a stage to the one that it begins from. Files are untrusted.
const MAX_ANCESTORS: usize = 256;
/// Longer values are not kept: variables can double with every line.
const MAX_VALUE: usize = 4096;

/// A stage.
#[derive(Debug)]
pub(super) struct Stage {
    /// Its name as written.
    pub(super) name: Option<Spanned<String>>,
    /// The place of its `FROM` among the instructions.
    pub(super) from: usize,
    /// The place behind its last instruction.
    pub(super) end: usize,
    /// From its `FROM` to the end of its last instruction.
    pub(super) span: Span,
    parent: Option<usize>,
}

/// A place where a stage is used.
#[derive(Debug)]
pub(super) struct StageUse {
    /// The name or number.
    pub(super) span: Span,
    /// The stage.
    pub(super) stage: usize,
    /// Whether the stage is named, not numbered.
    pub(super) by_name: bool,
}

/// What makes a variable.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Maker {
    /// `ARG`.
    Arg,
    /// `ENV`.
    Env,
}

/// A place where a variable gets a value.
#[derive(Debug)]
pub(super) struct Definition {
    /// The variable's name.
    pub(super) name: Spanned<String>,
    /// What makes it.
    pub(super) maker: Maker,
    /// The stage, or none before the first `FROM`.
    pub(super) stage: Option<usize>,
    /// The value with variables resolved, where all of them are known.
    pub(super) value: Option<String>,
    /// The value as written.
    pub(super) written: Option<String>,
    /// The declaration before the first `FROM` that an `ARG` without a value repeats.
    pub(super) global: Option<usize>,
}

/// A place where a variable is used.
#[derive(Debug)]
pub(super) struct Use {
    /// Its name.
    pub(super) name: Spanned<String>,
    /// Where it got its value.
    pub(super) definition: Option<usize>,
}

/// The stages and variables of a file.
#[derive(Debug, Default)]
pub(super) struct Names {
    /// The stages in order.
    pub(super) stages: Vec<Stage>,
    /// The places where they are used, in order.
    pub(super) stage_uses: Vec<StageUse>,
    /// The places where variables get their values, in order.
    pub(super) definitions: Vec<Definition>,
    /// The places where they are used.
    pub(super) uses: Vec<Use>,
    globals: HashMap<String, usize>,
    scopes: Vec<HashMap<String, usize>>,
    /// The last stage of each name in lower case so far.
    by_name: HashMap<String, usize>,
    escape: EscapeCharacter,
}

impl Names {
    /// Reads a file.
    pub(super) fn new(source: &SourceFile, dockerfile: &Dockerfile) -> Self {
        let mut names = Self { escape: dockerfile.escape, ..Self::default() };
        for (index, instruction) in dockerfile.instructions.iter().enumerate() {
            names.instruction(source, index, instruction);
        }
        names
    }

    fn instruction(&mut self, source: &SourceFile, index: usize, instruction: &Instruction) {
        match &instruction.kind {
            InstructionKind::From(from) => {
                self.use_all(None, self.used_in(instruction));
                let parent = self.by_name.get(&from.image.as_str().to_lowercase()).copied();
                if let Some(stage) = parent {
                    self.stage_uses.push(StageUse { span: from.image.span(), stage, by_name: true });
                }
                let number = self.stages.len();
                if let Some(name) = &from.name {
                    self.by_name.insert(name.value.to_lowercase(), number);
                }
                let (name, span) = (from.name.clone(), instruction.span);
                self.stages.push(Stage { name, from: index, end: index + 1, span, parent });
                self.scopes.push(HashMap::new());
                return;
            }
            InstructionKind::Arg(declarations) => {
                let mut used = self.used_in(instruction).into_iter().peekable();
                for declaration in declarations {
                    let end = declaration.span.end;
                    let here = std::iter::from_fn(|| used.next_if(|name| name.span.end <= end)).collect();
                    self.use_all(self.current(), here);
                    self.declare(declaration);
                }
            }
            kind => {
                self.use_all(self.current(), self.used_in(instruction));
                self.stage_references(source, instruction);
                if let InstructionKind::Env(pairs) = kind {
                    let stage = self.current();
                    let value_of = |names: &Self, value| names.value(stage, value);
                    let values: Vec<_> = pairs.pairs.iter().map(|pair| value_of(self, &pair.value)).collect();
                    for (pair, value) in pairs.pairs.iter().zip(values) {
                        let name = Spanned::new(pair.key.as_str().to_owned(), pair.key.span());
                        let written = Some(pair.value.as_str().to_owned());
                        self.define(Definition { name, maker: Maker::Env, stage, value, written, global: None });
                    }
                }
            }
        }
        if let Some(stage) = self.stages.last_mut() {
            stage.end = index + 1;
            stage.span = stage.span.cover(instruction.span);
        }
    }

    fn current(&self) -> Option<usize> {
        self.stages.len().checked_sub(1)
    }

    fn declare(&mut self, declaration: &ArgDeclaration) {
        let stage = self.current();
        let name = declaration.name.clone();
        let global =
            self.globals.get(&name.value).copied().filter(|_| stage.is_some() && declaration.default.is_none());
        let (value, written) = match (&declaration.default, global.and_then(|global| self.definitions.get(global))) {
            (Some(default), _) => (self.value(stage, default), Some(default.as_str().to_owned())),
            (None, Some(global)) => (global.value.clone(), global.written.clone()),
            (None, None) => (None, None),
        };
        self.define(Definition { name, maker: Maker::Arg, stage, value, written, global });
    }

    fn define(&mut self, definition: Definition) {
        let scope = match definition.stage {
            Some(stage) => self.scopes.get_mut(stage),
            None => Some(&mut self.globals),
        };
        if let Some(scope) = scope {
            scope.insert(definition.name.value.clone(), self.definitions.len());
            self.definitions.push(definition);
        }
    }

    /// Finds where a variable got its value, as far as the file was read.
    fn resolve(&self, stage: Option<usize>, name: &str) -> Option<usize> {
        if stage.is_none() {
            return self.globals.get(name).copied();
        }
        self.ancestry(stage).find_map(|stage| self.scopes.get(stage)?.get(name).copied())
    }

    /// Returns a stage and those that it begins from.
    fn ancestry(&self, stage: Option<usize>) -> impl Iterator<Item = usize> {
        std::iter::successors(stage, |stage| self.stages.get(*stage)?.parent).take(MAX_ANCESTORS)
    }

    fn value(&self, stage: Option<usize>, word: &SourceText) -> Option<String> {
        let lookup = |name: &str| {
            let definition = self.definitions.get(self.resolve(stage, name)?)?;
            definition.value.as_deref()
        };
        let expansion = expand(word.as_str(), self.escape, &lookup).ok()?;
        let is_known = expansion.references.iter().all(|reference| reference.set);
        (is_known && expansion.text.len() <= MAX_VALUE).then_some(expansion.text)
    }

    /// Finds the variables that an instruction uses, in order.
    fn used_in(&self, instruction: &Instruction) -> Vec<Spanned<String>> {
        let mut found = Vec::new();
        if expands(&instruction.kind) {
            let line = &instruction.line;
            for (name, range) in variables(line.as_str(), self.escape.as_char(), true) {
                found.push(Spanned::new(name.to_owned(), line.span_of(range)));
            }
        }
        for heredoc in &instruction.heredocs {
            // In a RUN it is the shell that expands, quoted delimiter or not.
            if heredoc.expand || matches!(instruction.kind, InstructionKind::Run(_)) {
                let body = SourceText::contiguous(heredoc.body.value.as_str(), heredoc.body.span.start);
                for (name, range) in variables(body.as_str(), '\\', false) {
                    found.push(Spanned::new(name.to_owned(), body.span_of(range)));
                }
            }
        }
        found
    }

    fn use_all(&mut self, stage: Option<usize>, found: Vec<Spanned<String>>) {
        for name in found {
            let definition = self.resolve(stage, &name.value);
            self.uses.push(Use { name, definition });
        }
    }

    fn stage_references(&mut self, source: &SourceFile, instruction: &Instruction) {
        for (kind, name) in from_operands(instruction) {
            let number = name.value.parse::<usize>().ok().filter(|number| *number < self.stages.len());
            let named = self.by_name.get(&name.value.to_lowercase()).copied();
            let Some(stage) = number.or(named) else { continue };
            let span = match kind {
                ReferenceKind::Mount => mount_from(source, &name),
                ReferenceKind::Base | ReferenceKind::Copy => Some(name.span),
            };
            if let Some(span) = span {
                self.stage_uses.push(StageUse { span, stage, by_name: number.is_none() });
            }
        }
    }

    /// Returns the stage whose name or use is at an offset, and the place of that.
    pub(super) fn stage_at(&self, offset: usize) -> Option<(usize, Span)> {
        let by_use = self.stage_uses.iter().find(|used| covers(used.span, offset)).map(|used| (used.stage, used.span));
        let named = |(number, stage): (usize, &Stage)| {
            let span = stage.name.as_ref()?.span;
            covers(span, offset).then_some((number, span))
        };
        by_use.or_else(|| self.stages.iter().enumerate().find_map(named))
    }

    /// Returns the use of a variable at an offset.
    pub(super) fn use_at(&self, offset: usize) -> Option<&Use> {
        self.uses.iter().find(|used| covers(used.name.span, offset))
    }

    /// Returns the definition whose name is at an offset.
    pub(super) fn definition_at(&self, offset: usize) -> Option<usize> {
        self.definitions.iter().position(|definition| covers(definition.name.span, offset))
    }

    /// Returns the stage that an instruction belongs to; a `FROM` belongs to none.
    pub(super) fn stage_of(&self, instruction: usize) -> Option<usize> {
        let number = self.stages.partition_point(|stage| stage.from <= instruction).checked_sub(1)?;
        self.stages.get(number).filter(|stage| stage.from != instruction).map(|_| number)
    }

    /// Returns the variables that have a value before an offset in a stage, each at its last definition.
    pub(super) fn visible(&self, stage: Option<usize>, offset: usize) -> Vec<&Definition> {
        let ancestry: Vec<_> = self.ancestry(stage).collect();
        let is_in_scope = |definition: &Definition| match definition.stage {
            None => stage.is_none(),
            Some(at) => ancestry.contains(&at) && (Some(at) != stage || (definition.name.span.end as usize) < offset),
        };
        let mut seen = std::collections::BTreeMap::new();
        for definition in self.definitions.iter().filter(|definition| is_in_scope(definition)) {
            seen.insert(definition.name.value.as_str(), definition);
        }
        seen.into_values().collect()
    }
}

fn covers(span: Span, offset: usize) -> bool {
    span.start as usize <= offset && offset <= span.end as usize
}

/// Tells whether variables in an instruction mean anything: to the builder, or to the shell that runs it.
fn expands(kind: &InstructionKind) -> bool {
    let is_shell = |command: &Command| matches!(command, Command::Shell(_));
    match kind {
        InstructionKind::Run(run) => is_shell(&run.command),
        InstructionKind::Cmd(command) | InstructionKind::Entrypoint(command) => is_shell(command),
        InstructionKind::Maintainer(_) | InstructionKind::Shell(_) => false,
        _ => true,
    }
}

/// Returns the place of the name in `from=name` of a mount.
fn mount_from(source: &SourceFile, name: &Spanned<String>) -> Option<Span> {
    let written = source.slice(name.span);
    let mut at = 0;
    for field in written.split(',') {
        let clean = field.trim_start_matches(['"', '\'', ' ']);
        if let Some(value) = clean.strip_prefix("from=") {
            let start = name.span.start as usize + at + field.len() - value.len();
            let value = value.trim_end_matches(['"', '\'', ' ']);
            return (value == name.value).then(|| Span::from_range(start..start + value.len()));
        }
        at += field.len() + 1;
    }
    None
}

#[cfg(test)]
mod tests {
    use crate::lsp::testing::document;

    const FILE: &str = "ARG V=1.2\nFROM a:$V AS Base\nARG V\nENV A=x$V \\\n  B=${A:-no}\nFROM base\n\
        RUN --mount=type=bind,from=base,target=/x echo \"$A\" '$A' \\$A\nCOPY --from=0 <<E /e\n$B 'it''s $A'\nE\nENV A=$U\n";

    #[test]
    fn variables_lead_to_where_they_got_their_values() {
        let document = document(FILE);
        let names = document.names();
        let uses: Vec<_> = names
            .uses
            .iter()
            .map(|used| {
                let line = document.source().line_of(used.name.span);
                let made = used.definition.map(|at| document.source().line_of(names.definitions[at].name.span));
                (line, used.name.value.as_str(), made)
            })
            .collect();
        assert_eq!(
            uses,
            [
                (2, "V", Some(1)),
                (4, "V", Some(3)),
                (5, "A", None),
                (7, "A", Some(4)),
                (9, "B", Some(5)),
                (9, "A", Some(4)),
                (11, "U", None),
            ]
        );
        let values: Vec<_> =
            names.definitions.iter().map(|made| (made.name.value.as_str(), made.value.as_deref())).collect();
        assert_eq!(values[..3], [("V", Some("1.2")), ("V", Some("1.2")), ("A", Some("x1.2"))]);
        assert_eq!(values[4], ("A", None));
    }

    #[test]
    fn stages_are_found_by_name_and_number() {
        let document = document(FILE);
        let names = document.names();
        let uses: Vec<_> = names
            .stage_uses
            .iter()
            .map(|used| (document.source().slice(used.span), used.stage, used.by_name))
            .collect();
        assert_eq!(uses, [("base", 0, true), ("base", 0, true), ("0", 0, false)]);
        assert_eq!(names.stage_of(1), None);
        assert_eq!(names.stage_of(2), Some(0));
        let visible: Vec<_> = names.visible(Some(1), FILE.len()).iter().map(|made| made.name.value.as_str()).collect();
        assert_eq!(visible, ["A", "B", "V"]);
    }
}
