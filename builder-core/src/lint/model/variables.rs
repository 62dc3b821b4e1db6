//! The variables that `ARG`, `ENV` and the base image give to the scripts of a stage, and the shell that hadolint
//! believes to read them.

use std::collections::BTreeSet;
use std::rc::Rc;

use imbl::OrdMap;

use super::shell::Shell;
use super::{InstructionView, StageView};
use crate::dockerfile::{InstructionKind, KeyValue};
use crate::lint::options::{BaseFacts, Dialect, LintOptions};
use crate::text::{SourceFile, Span};

/// What is known of a variable's value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Known {
    /// Nothing.
    Empty,
    /// It has neither blanks nor patterns in it.
    Plain,
    /// It may be anything: who builds can choose it.
    Anything,
}

/// Variables by name. A copy shares what it has in common with the original: every step of a file has one.
pub type Variables = OrdMap<Rc<str>, Known>;

/// The variables of proxies, which a build has without being told.
const PROXIES: [&str; 8] =
    ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "FTP_PROXY", "ftp_proxy", "NO_PROXY", "no_proxy"];

/// The grammar by which ShellCheck would judge a script.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Grammar {
    /// POSIX and nothing else.
    Posix,
    /// POSIX with what `dash` and busybox add.
    Dash,
    /// bash.
    Bash,
    /// ksh.
    Ksh,
}

impl Grammar {
    /// Returns the grammar of a shell by the program that is run.
    pub fn of(program: &str) -> Self {
        match program {
            "sh" => Self::Posix,
            "dash" | "ash" => Self::Dash,
            "ksh" | "ksh88" | "ksh93" | "mksh" | "oksh" | "pdksh" => Self::Ksh,
            _ => Self::Bash,
        }
    }

    /// Tells whether something that only bash and its like have is out of place.
    pub fn is_narrow(self) -> bool {
        matches!(self, Self::Posix | Self::Dash)
    }
}

/// Follows the variables from instruction to instruction.
pub(super) struct Environment<'a> {
    stages: &'a [StageView],
    options: &'a LintOptions,
    /// What is in force at the end of each stage so far, for the stages that begin from it.
    ends: Vec<Variables>,
    /// The arguments among them: they end with their stage.
    arguments: BTreeSet<String>,
    current: Variables,
    /// What triggers declare, for the triggers behind them.
    declared: Vec<String>,
    source: &'a SourceFile,
}

impl<'a> Environment<'a> {
    pub(super) fn new(source: &'a SourceFile, stages: &'a [StageView], options: &'a LintOptions) -> Self {
        let (ends, arguments, declared, current) = (Vec::new(), BTreeSet::new(), Vec::new(), OrdMap::new());
        Self { stages, options, ends, arguments, current, declared, source }
    }

    /// Returns the variables that an instruction finds; to be asked in order.
    pub(super) fn at(&mut self, view: &InstructionView<'_>) -> Variables {
        let before = self.current.clone();
        if view.is_trigger() {
            return self.trigger(view, before);
        }
        let is_hadolint = self.options.dialect == Dialect::Hadolint;
        match view.kind() {
            InstructionKind::From(_) => self.begin(view),
            // Those before the first FROM are for FROM.
            _ if view.stage.is_none() && !(is_hadolint && self.stages.is_empty()) => {}
            InstructionKind::Arg(declarations) => {
                // hadolint reads no more than one name.
                let count = if is_hadolint { 1 } else { declarations.len() };
                for declaration in declarations.iter().take(count) {
                    let known = if is_hadolint { Known::Plain } else { Known::Anything };
                    let name = declaration.name.value.clone();
                    self.arguments.insert(name.clone());
                    self.current.entry(name.into()).or_insert(known);
                }
            }
            InstructionKind::Env(pairs) => {
                for (at, pair) in pairs.pairs.iter().enumerate() {
                    let previous = at.checked_sub(1).and_then(|at| pairs.pairs.get(at));
                    if is_hadolint && previous.is_some_and(|previous| self.is_glued(previous, pair)) {
                        continue;
                    }
                    let value = pair.value.as_str();
                    let known = if is_hadolint { Known::Plain } else { judged(value) };
                    self.arguments.remove(pair.key.as_str());
                    let name = pair.key.as_str().trim_matches(['"', '\'']);
                    self.current.insert(name.into(), known);
                }
            }
            _ => {}
        }
        before
    }

    /// What a trigger declares is there for the triggers behind it.
    fn trigger(&mut self, view: &InstructionView<'_>, mut before: Variables) -> Variables {
        let known = if self.options.dialect == Dialect::Hadolint { Known::Plain } else { Known::Anything };
        for name in &self.declared {
            before.entry(name.as_str().into()).or_insert(known);
        }
        match view.kind() {
            InstructionKind::Arg(declarations) => {
                self.declared.extend(declarations.iter().map(|declaration| declaration.name.value.clone()));
            }
            InstructionKind::Env(pairs) => {
                self.declared.extend(pairs.pairs.iter().map(|pair| pair.key.as_str().to_owned()));
            }
            _ => {}
        }
        before
    }

    /// hadolint takes a line that is continued without a blank, and the next one, for one value.
    fn is_glued(&self, previous: &KeyValue, pair: &KeyValue) -> bool {
        let between = self.source.slice(Span::new(previous.value.span().end, pair.key.span().start));
        between.starts_with('\\')
    }

    fn begin(&mut self, view: &InstructionView<'_>) {
        self.end_stage(view.stage.unwrap_or_default());
        let stage = view.stage.and_then(|index| self.stages.get(index));
        let inherited = stage.and_then(|stage| self.ends.get(stage.parent?)).cloned();
        let facts = stage.and_then(|stage| self.options.facts.bases.get(&stage.image));
        let mut variables = inherited.unwrap_or_else(|| facts.map(of_base).unwrap_or_default());
        let known = if self.options.dialect == Dialect::Hadolint { Known::Plain } else { Known::Anything };
        for name in PROXIES {
            variables.entry(Rc::from(name)).or_insert(known);
        }
        self.arguments.clear();
        self.declared.clear();
        self.current = variables;
    }

    /// Remembers what the stage before this one ends with. Arguments end with their stage, but not for hadolint.
    fn end_stage(&mut self, next: usize) {
        if next == 0 {
            return;
        }
        let mut end = std::mem::take(&mut self.current);
        if self.options.dialect != Dialect::Hadolint {
            for name in std::mem::take(&mut self.arguments) {
                end.remove(name.as_str());
            }
        }
        self.ends.push(end);
    }
}

fn of_base(facts: &BaseFacts) -> Variables {
    facts.env.iter().map(|(name, value)| (Rc::from(name.as_str()), judged(value))).collect()
}

/// Judges the value of `ENV` as written.
fn judged(value: &str) -> Known {
    let inner = value.strip_prefix('"').and_then(|value| value.strip_suffix('"')).unwrap_or(value);
    let is_odd = |c: char| c.is_whitespace() || "*?[$\\\"'".contains(c);
    if inner.is_empty() || inner.contains(is_odd) { Known::Anything } else { Known::Plain }
}

/// hadolint 2.15 forgets `SHELL` at the next `ARG` or `ENV`.
pub(super) fn is_shell_forgotten(view: &InstructionView<'_>, options: &LintOptions) -> bool {
    let declares = matches!(view.kind(), InstructionKind::Arg(_) | InstructionKind::Env(_));
    options.dialect == Dialect::Hadolint && declares && !view.is_trigger() && view.stage.is_some()
}

/// Returns the grammar of a script: hadolint looks at the program of `SHELL` alone.
pub(super) fn grammar(outer: &Shell, own: Option<&Shell>, options: &LintOptions) -> Grammar {
    let shell = own.filter(|_| options.dialect != Dialect::Hadolint).unwrap_or(outer);
    Grammar::of(shell.program())
}
