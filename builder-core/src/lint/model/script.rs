//! The scripts of a Dockerfile: the text that a shell is given, read.

use std::cell::OnceCell;
use std::ops::Range;

use super::command::{CommandData, CommandView, commands};
use super::shell::Shell;
use super::variables::{Environment, Grammar, Variables, grammar, is_shell_forgotten};
use super::{InstructionView, StageView};
use crate::dockerfile::{
    Command, Dockerfile, EscapeCharacter, Heredoc, Instruction, InstructionKind, MAX_LINE_BYTES, Run, SourceText,
};
use crate::lint::flow::Flow;
use crate::lint::options::{Dialect, LintOptions};
use crate::shell::{Index, Script, ShellError, parse};
use crate::text::{SourceFile, Span};

/// What a script is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ScriptRole {
    /// `RUN`.
    Run,
    /// `CMD`, `ENTRYPOINT` and the command of `HEALTHCHECK`.
    Start,
}

/// A script.
#[derive(Debug)]
pub struct ScriptView<'a> {
    /// The instruction that it is in.
    pub view: InstructionView<'a>,
    /// What it is for.
    pub role: ScriptRole,
    /// The text, with the place of every byte.
    pub text: SourceText,
    /// Its tree, or why there is none.
    pub parsed: Result<Script, ShellError>,
    /// The shell that `SHELL`, a comment or the base image give to the instruction.
    pub outer_shell: Shell,
    /// The shell that reads it: the one above, or that of a shebang.
    pub shell: Shell,
    /// Whether it was written as a JSON array: then there is no shell, and the text is its words joined.
    pub is_exec: bool,
    /// Whether it is the body of a heredoc.
    pub is_heredoc: bool,
    /// What hadolint reads of a script that is wrong further on.
    beginning: Option<Script>,
    /// The grammar by which it is judged.
    pub grammar: Grammar,
    /// The variables that it finds.
    pub variables: Variables,
    commands: Vec<CommandData>,
    flow: OnceCell<Flow>,
}

impl ScriptView<'_> {
    /// Tells whether it is the script of a `RUN`.
    pub fn is_run(&self) -> bool {
        self.role == ScriptRole::Run
    }

    /// Returns its `RUN`.
    pub fn run(&self) -> Option<&Run> {
        match self.view.kind() {
            InstructionKind::Run(run) => Some(run),
            _ => None,
        }
    }

    /// Returns every command in it, in order: those in conditions, loops and substitutions too.
    pub fn commands(&self) -> impl Iterator<Item = CommandView<'_>> {
        self.commands.iter().map(|data| CommandView { script: self, data })
    }

    /// Tells whether `ShellCheck` would be asked about it.
    pub fn is_shellchecked(&self, dialect: Dialect) -> bool {
        let text = self.outer_shell.words.join(" ");
        let is_windows = ["pwsh", "powershell", "cmd"].iter().any(|name| text.contains(name));
        let knows = match dialect {
            Dialect::Hadolint => hadolint_reads(self.text.as_str()),
            Dialect::Builder | Dialect::Buildkit => self.shell.is_bourne(),
        };
        self.is_run() && !self.is_exec && !is_windows && knows
    }

    /// Returns what is known of the variables and the order of its commands; empty where there is no tree.
    pub(in crate::lint) fn flow(&self) -> &Flow {
        self.flow
            .get_or_init(|| self.tree().map(|tree| Flow::new(tree, &self.variables, self.grammar)).unwrap_or_default())
    }

    /// Returns the tree, where there is one.
    pub fn tree(&self) -> Option<&Script> {
        self.parsed.as_ref().ok()
    }

    /// Returns the tree, or that of the part which hadolint reads where something superfluous follows it.
    pub fn readable(&self) -> Option<&Script> {
        self.tree().or(self.beginning.as_ref())
    }

    /// Returns where hadolint stops to read: it does not know how a line goes on behind a heredoc.
    pub fn end_for_hadolint(&self) -> u32 {
        if self.is_heredoc { u32::MAX } else { first_marker(self.view.instruction) }
    }

    /// Brings a span of the script to its place in the file.
    pub fn place(&self, span: Span) -> Span {
        self.text.span_of(span.range())
    }

    /// Returns a part of the script as the shell reads it.
    pub fn slice(&self, span: Span) -> &str {
        self.text.as_str().get(span.range()).unwrap_or_default()
    }
}

/// Returns where the first heredoc of an instruction is asked for.
fn first_marker(instruction: &Instruction) -> u32 {
    instruction.heredocs.first().map_or(u32::MAX, |heredoc| heredoc.marker.start)
}

/// Reads a script up to a word or an operator that belongs to nothing: `)`, `fi`, a second `;`.
fn beginning(text: &SourceText, error: &ShellError) -> Option<Script> {
    const STRAY: [&str; 13] = [")", "}", "(", ";", "|", "&", "fi", "done", "then", "do", "esac", "else", "elif"];
    let (before, rest) = text.as_str().split_at_checked(error.span.start as usize)?;
    let is_stray = |token: &&str| {
        let behind = rest.strip_prefix(*token);
        behind.is_some_and(|behind| !token.ends_with(char::is_alphabetic) || !behind.starts_with(char::is_alphanumeric))
    };
    if !STRAY.iter().any(is_stray) {
        return None;
    }
    let script = parse(before).ok()?;
    // `name (` may be a function.
    let last = Index::new(&script)
        .simple()
        .max_by_key(|(_, site)| site.command.span.end)
        .map(|(simple, _)| simple.words.len());
    (!rest.starts_with('(') || last.is_none_or(|words| words > 1)).then_some(script)
}

/// hadolint looks at the first line itself: of all shebangs it knows these.
fn hadolint_reads(text: &str) -> bool {
    let Some(line) = text.strip_prefix("#!").and_then(|rest| rest.lines().next()) else { return true };
    let line = line.trim();
    let program = line.strip_prefix("/usr/bin/env ").or_else(|| line.strip_prefix("/bin/")).unwrap_or_default();
    ["sh", "bash", "ksh"].contains(&program.split_whitespace().next().unwrap_or_default())
}

/// Reads all scripts of a file.
pub fn scripts_of<'a>(
    source: &SourceFile,
    dockerfile: &Dockerfile,
    instructions: &[InstructionView<'a>],
    stages: &[StageView],
    options: &LintOptions,
) -> Vec<ScriptView<'a>> {
    let mut shells = Shells::new(source, dockerfile, stages, options);
    let mut environment = Environment::new(source, stages, options);
    let mut scripts = Vec::new();
    for view in instructions {
        let shell = shells.at(view);
        let variables = environment.at(view);
        for (role, text, is_exec, is_heredoc) in texts(source, view.instruction, options.dialect) {
            if has_refused_line(source.slice(view.outer.span)) {
                continue;
            }
            let own = is_heredoc.then(|| Shell::of_shebang(text.as_str())).flatten();
            let parsed = parse(text.as_str());
            let is_hadolint = options.dialect == Dialect::Hadolint;
            let beginning = parsed.as_ref().err().filter(|_| is_hadolint).and_then(|error| beginning(&text, error));
            let readable = parsed.as_ref().ok().or(beginning.as_ref());
            let deep = options.dialect == Dialect::Builder;
            let mut commands = readable.map(|script| commands(script, &text, deep)).unwrap_or_default();
            let end = if is_hadolint && !is_heredoc { first_marker(view.instruction) } else { u32::MAX };
            commands.retain(|command| command.span.start < end);
            scripts.push(ScriptView {
                view: *view,
                role,
                parsed,
                outer_shell: shell.clone(),
                grammar: grammar(&shell, own.as_ref(), options),
                shell: own.unwrap_or_else(|| shell.clone()),
                text,
                is_exec,
                is_heredoc,
                beginning,
                variables: variables.clone(),
                commands,
                flow: OnceCell::new(),
            });
        }
    }
    scripts
}

/// Tells whether a line is longer than the builder accepts: the parser has said so, and nobody wants to know more.
fn has_refused_line(text: &str) -> bool {
    text.len() > MAX_LINE_BYTES && text.split('\n').any(|line| line.len() > MAX_LINE_BYTES)
}

/// Follows the shell from instruction to instruction.
struct Shells<'a> {
    source: &'a SourceFile,
    dockerfile: &'a Dockerfile,
    stages: &'a [StageView],
    options: &'a LintOptions,
    default: Shell,
    /// The shell at the end of each stage so far.
    ends: Vec<Shell>,
    current: Shell,
}

impl<'a> Shells<'a> {
    fn new(
        source: &'a SourceFile,
        dockerfile: &'a Dockerfile,
        stages: &'a [StageView],
        options: &'a LintOptions,
    ) -> Self {
        Self {
            source,
            dockerfile,
            stages,
            options,
            default: Shell::default(),
            ends: Vec::new(),
            current: Shell::default(),
        }
    }

    /// Returns the shell for an instruction; to be asked in order.
    fn at(&mut self, view: &InstructionView<'_>) -> Shell {
        if view.is_trigger() {
            return self.current.clone();
        }
        match view.kind() {
            InstructionKind::From(_) => self.begin(view),
            InstructionKind::Shell(words) => {
                self.current = Shell::new(words.iter().map(|word| word.value.clone()).collect());
            }
            _ if is_shell_forgotten(view, self.options) => self.current = Shell::default(),
            _ => {}
        }
        // hadolint forgets it at `FROM`, unless it stands before everything.
        let is_forgotten = self.options.dialect == Dialect::Hadolint
            && view.index > 0
            && (matches!(view.kind(), InstructionKind::From(_)) || is_shell_forgotten(view, self.options));
        if let Some(name) = self.pragma(view.outer).filter(|_| !is_forgotten) {
            self.current = Shell::new(vec![name, "-c".to_owned()]);
            let is_hadolint = self.options.dialect == Dialect::Hadolint;
            if is_hadolint && view.index == 0
                || !is_hadolint && view.stage.is_none()
                || matches!(view.kind(), InstructionKind::From(_)) && view.stage == Some(0)
            {
                self.default = self.current.clone();
            }
        }
        if let (Some(stage), current) = (view.stage, self.current.clone())
            && let Some(end) = self.ends.get_mut(stage)
        {
            *end = current;
        }
        self.current.clone()
    }

    fn begin(&mut self, view: &InstructionView<'_>) {
        let stage = view.stage.and_then(|index| self.stages.get(index));
        let inherited = stage.and_then(|stage| stage.parent).and_then(|parent| self.ends.get(parent)).cloned();
        let of_base = || {
            let facts = self.options.facts.bases.get(&stage?.image)?;
            facts.shell.clone().map(Shell::new)
        };
        // Images of Windows have no sh, which hadolint does not know.
        let is_windows = self.options.dialect != Dialect::Hadolint
            && self.default == Shell::default()
            && (stage.is_some_and(|stage| is_windows_image(&stage.image))
                || self.dockerfile.escape == EscapeCharacter::Backtick);
        let default = || {
            let windows = || Shell::new(vec!["cmd".to_owned(), "/S".to_owned(), "/C".to_owned()]);
            if is_windows { windows() } else { self.default.clone() }
        };
        self.current = inherited.or_else(of_base).unwrap_or_else(default);
        self.ends.push(self.current.clone());
    }

    /// Reads `# hadolint shell=NAME` in the comments above an instruction.
    fn pragma(&self, instruction: &Instruction) -> Option<String> {
        if !self.options.pragmas && self.options.dialect != Dialect::Hadolint {
            return None;
        }
        debug_assert!(!self.dockerfile.instructions.is_empty());
        let last = instruction.comments.iter().rev().find_map(|comment| {
            let text = self.source.slice(comment.span).trim_start_matches('#').trim_start();
            let rest = text.strip_prefix("hadolint").or_else(|| text.strip_prefix("builder"))?;
            let value = rest.trim_start().strip_prefix("shell")?.trim_start().strip_prefix('=')?;
            Some(value.trim().to_owned())
        });
        last.filter(|name| !name.is_empty())
    }
}

/// Tells whether an image is one of Windows, as far as its name says.
fn is_windows_image(image: &str) -> bool {
    let image = image.to_ascii_lowercase();
    image.contains("mcr.microsoft.com/windows")
        || ["nanoserver", "servercore", "windowsservercore"].iter().any(|word| image.contains(word))
}

type Text = (ScriptRole, SourceText, bool, bool);

fn texts(source: &SourceFile, instruction: &Instruction, dialect: Dialect) -> Vec<Text> {
    let (role, command) = match &instruction.kind {
        InstructionKind::Run(run) => (ScriptRole::Run, &run.command),
        InstructionKind::Cmd(command) | InstructionKind::Entrypoint(command) => (ScriptRole::Start, command),
        InstructionKind::Healthcheck(check) => match &check.command {
            Some(command) => (ScriptRole::Start, command),
            None => return Vec::new(),
        },
        _ => return Vec::new(),
    };
    match command {
        Command::Exec(words) => vec![(role, exec_text(words), true, false)],
        Command::Shell(text) if instruction.heredocs.is_empty() => vec![(role, text.clone(), false, false)],
        Command::Shell(text) => heredoc_text(source, role, text, &instruction.heredocs, dialect),
    }
}

/// The words of a JSON array with blanks between them.
fn exec_text(words: &[crate::text::Spanned<String>]) -> SourceText {
    let mut text = String::new();
    let mut pieces = Vec::new();
    for word in words {
        if !text.is_empty() {
            text.push(' ');
        }
        // Behind the quote; escapes in JSON shift what follows them, which costs a column and nothing else.
        pieces.push((u32::try_from(text.len()).unwrap_or(u32::MAX), word.span.start + 1));
        text.push_str(&word.value);
    }
    let span = words.iter().map(|word| word.span).reduce(Span::cover).unwrap_or_default();
    SourceText::from_pieces(text, span, pieces)
}

/// A command with heredocs. Without any other word, the body is the script.
fn heredoc_text(
    source: &SourceFile,
    role: ScriptRole,
    text: &SourceText,
    heredocs: &[Heredoc],
    dialect: Dialect,
) -> Vec<Text> {
    let rest = heredocs
        .iter()
        .fold(source.slice(text.span()).len(), |rest, heredoc| rest.saturating_sub(heredoc.marker.len() as usize));
    let is_bare = heredocs.len() == 1 && text.as_str().trim().len() <= heredocs[0].marker.len() as usize && rest < 8;
    if let ([heredoc], true) = (heredocs, is_bare) {
        return vec![(role, body(heredoc), false, true)];
    }
    if let ([heredoc], Dialect::Hadolint) = (heredocs, dialect)
        && heredoc.marker.start == text.source_offset(text.as_str().len() - text.as_str().trim_start().len())
    {
        return vec![(role, behind_marker(text, heredoc), false, true)];
    }
    // As the shell sees it: the line, and the bodies below it.
    let mut joined = text.as_str().to_owned();
    let mut pieces = text.pieces().to_vec();
    let mut span = text.span();
    for heredoc in heredocs {
        joined.push('\n');
        let place: Range<u32> = heredoc.body.span.start..heredoc.terminator.end;
        pieces.push((u32::try_from(joined.len()).unwrap_or(u32::MAX), place.start));
        joined.push_str(source.slice(Span::new(place.start, place.end)));
        span = span.cover(Span::new(place.start, place.end));
    }
    joined.push('\n');
    vec![(role, SourceText::from_pieces(joined, span, pieces), false, false)]
}

/// The line behind a heredoc's marker, and the body: hadolint takes both for one script.
fn behind_marker(text: &SourceText, heredoc: &Heredoc) -> SourceText {
    let blank = text.as_str().len() - text.as_str().trim_start().len();
    let at = (blank + heredoc.marker.len() as usize).min(text.as_str().len());
    let rest = text.slice(at..text.as_str().len());
    let body = body(heredoc);
    let mut joined = rest.as_str().to_owned();
    joined.push('\n');
    let shift = u32::try_from(joined.len()).unwrap_or(u32::MAX);
    let pieces = rest.pieces().iter().copied().chain(body.pieces().iter().map(|(at, place)| (at + shift, *place)));
    let pieces = pieces.collect();
    joined.push_str(body.as_str());
    SourceText::from_pieces(joined, rest.span().cover(body.span()), pieces)
}

/// The body of a heredoc as its interpreter gets it.
fn body(heredoc: &Heredoc) -> SourceText {
    let start = heredoc.body.span.start;
    if !heredoc.strip_tabs {
        return SourceText::contiguous(heredoc.body.value.as_str(), start);
    }
    let (mut text, mut pieces, mut at) = (String::new(), Vec::new(), start);
    for line in heredoc.body.value.split_inclusive('\n') {
        let kept = line.trim_start_matches('\t');
        let narrow = |length: usize| u32::try_from(length).unwrap_or(u32::MAX);
        pieces.push((narrow(text.len()), at + narrow(line.len() - kept.len())));
        text.push_str(kept);
        at += narrow(line.len());
    }
    SourceText::from_pieces(text, heredoc.body.span, pieces)
}
