//! The commands of a script as rules look at them: a name, words, flags.
//!
//! Words are texts in which quotes are gone and variables are `${name}`, the form that hadolint compares; each knows
//! its place in the file and whether anything in it is expanded.

use super::script::ScriptView;
use crate::dockerfile::SourceText;
use crate::shell::{CommandKind, Index, Invocation, List, Parameter, PartKind, Script, SimpleCommand, Word, WordPart};
use crate::text::Span;

/// A word of a command.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Argument {
    /// Its value; what is expanded stands in it as `${name}`.
    pub text: String,
    /// Its place in the file.
    pub span: Span,
    /// Whether nothing in it is expanded.
    pub is_literal: bool,
}

/// What is kept of a command.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct CommandData {
    prefix: Vec<Argument>,
    name: Argument,
    arguments: Vec<Argument>,
    pub(super) span: Span,
    script_span: Span,
}

/// One command of a script: a name and arguments, assignments before it left out.
#[derive(Clone, Copy, Debug)]
pub struct CommandView<'a> {
    /// The script that it is in.
    pub script: &'a ScriptView<'a>,
    pub(super) data: &'a CommandData,
}

impl<'a> CommandView<'a> {
    /// Returns its name: in our own dialect the program that really runs, without its folder; in the others as written.
    /// The text at [`CommandView::name_span`] is what is written.
    pub fn name(&self) -> &'a str {
        &self.data.name.text
    }

    /// Returns the words before its name: `sudo`, `env`, `exec` and their arguments.
    pub fn prefix(&self) -> &'a [Argument] {
        &self.data.prefix
    }

    /// Returns the place of its name.
    pub fn name_span(&self) -> Span {
        self.data.name.span
    }

    /// Returns the place of all of it, assignments and redirections included.
    pub fn span(&self) -> Span {
        self.data.span
    }

    /// Returns its place in the text of the script.
    pub fn script_span(&self) -> Span {
        self.data.script_span
    }

    /// Returns the instruction that it is in, by its place in the file.
    pub fn instruction(&self) -> usize {
        self.script.view.index
    }

    /// Returns its arguments.
    pub fn arguments(&self) -> &'a [Argument] {
        &self.data.arguments
    }

    /// Tells whether an argument is this text.
    pub fn has_argument(&self, text: &str) -> bool {
        self.data.arguments.iter().any(|argument| argument.text == text)
    }

    /// Tells whether an argument is one of these texts.
    pub fn has_any_argument(&self, texts: &[&str]) -> bool {
        self.data.arguments.iter().any(|argument| texts.contains(&argument.text.as_str()))
    }

    /// Returns its flags: letters of `-abc` each by itself, and long names without what follows `=`. Words behind
    /// `--` are looked at as well, as hadolint does.
    pub fn flags(&self) -> impl Iterator<Item = (&'a str, &'a Argument)> {
        self.data.arguments.iter().filter(|argument| argument.text != "--").flat_map(|argument| {
            let text = argument.text.as_str();
            let (long, letters) = match text.strip_prefix("--") {
                Some(long) => (Some(long.split('=').next().unwrap_or(long)), ""),
                None => (None, text.strip_prefix('-').unwrap_or_default()),
            };
            let letters = letters.char_indices().map(move |(at, c)| &letters[at..at + c.len_utf8()]);
            long.into_iter().chain(letters).map(move |flag| (flag, argument))
        })
    }

    /// Tells whether it has a flag.
    pub fn has_flag(&self, flag: &str) -> bool {
        self.flags().any(|(found, _)| found == flag)
    }

    /// Tells whether it has one of these flags.
    pub fn has_any_flag(&self, flags: &[&str]) -> bool {
        self.flags().any(|(found, _)| flags.contains(&found))
    }

    /// Returns how often it has a flag.
    pub fn count_flag(&self, flag: &str) -> usize {
        self.flags().filter(|(found, _)| *found == flag).count()
    }

    /// Returns the arguments that are no flags, as hadolint counts them: a lone `-` and `--` are words.
    pub fn words(&self) -> impl Iterator<Item = &'a Argument> {
        self.words_without(&[])
    }

    /// Returns the arguments that are neither flags nor directly behind one of these flags, as hadolint counts them:
    /// a letter anywhere in `-abc` is such a flag, and nothing in an argument with `=` is.
    pub fn words_without(&self, with_values: &'static [&'static str]) -> impl Iterator<Item = &'a Argument> {
        let mut is_value = false;
        self.data.arguments.iter().filter(move |argument| {
            let text = argument.text.as_str();
            let was_value = std::mem::take(&mut is_value);
            let Some(flag) = text.strip_prefix('-').filter(|rest| !matches!(*rest, "" | "-")) else {
                return !was_value;
            };
            if !text.contains('=') {
                is_value = match flag.strip_prefix('-') {
                    Some(long) => with_values.contains(&long),
                    None => with_values.iter().any(|known| {
                        let mut chars = known.chars();
                        chars.next().is_some_and(|letter| flag.contains(letter)) && chars.next().is_none()
                    }),
                };
            }
            false
        })
    }
}

/// Programs that run their arguments as a command, and that `ShellCheck` looks through.
const TRANSPARENT: [&str; 4] = ["command", "builtin", "exec", "busybox"];

/// Returns the commands of a script in order. `deep` looks behind `sudo`, `env`, `timeout` and the like too, and
/// leaves out the folder of a name; hadolint does neither.
pub(super) fn commands(script: &Script, text: &SourceText, deep: bool) -> Vec<CommandData> {
    Index::new(script).simple().filter_map(|(simple, site)| command(simple, site.command.span, text, deep)).collect()
}

fn command(simple: &SimpleCommand, span: Span, text: &SourceText, deep: bool) -> Option<CommandData> {
    let skipped = if deep { behind_prefixes(simple, text.as_str()) } else { behind_transparent(simple) };
    let (word, arguments) = simple.words.get(skipped..)?.split_first()?;
    let mut name = argument(word, text, deep);
    // hadolint knows no name with anything in it that a shell expands.
    if !deep && word.literal().is_none() {
        name.text.clear();
    }
    if let Some(at) = name.text.rfind('/').filter(|_| deep && name.is_literal) {
        name.text.drain(..=at);
    }
    Some(CommandData {
        prefix: simple.words.iter().take(skipped).map(|word| argument(word, text, deep)).collect(),
        name,
        arguments: arguments.iter().map(|word| argument(word, text, deep)).collect(),
        span: text.span_of(span.range()),
        script_span: span,
    })
}

/// How many words stand before the command that really runs, as hadolint sees it.
fn behind_transparent(simple: &SimpleCommand) -> usize {
    let word = |at: usize| simple.words.get(at).and_then(Word::literal);
    let mut at = 0;
    if word(0).is_some_and(|name| TRANSPARENT.contains(&name.as_ref())) {
        at = 1;
        if word(0).as_deref() == Some("exec") && word(1).as_deref() == Some("-a") {
            at = 3;
        }
        // Flags belong to the prefix itself: `command -v curl` runs nothing.
        if word(at).is_none_or(|next| next.starts_with('-')) {
            at = 0;
        }
    }
    at
}

/// How many words stand before the command that really runs.
fn behind_prefixes(simple: &SimpleCommand, source: &str) -> usize {
    let Some(effective) = Invocation::effective(simple, source) else { return 0 };
    simple.words.iter().position(|word| word.span == effective.name_span).unwrap_or(0)
}

fn argument(word: &Word, text: &SourceText, deep: bool) -> Argument {
    let mut simple = Simplified { text: String::new(), is_literal: true };
    simple.add(&word.parts, text.as_str(), deep);
    Argument { text: simple.text, span: text.span_of(word.span.range()), is_literal: simple.is_literal }
}

/// The text of a word; variables are `${name}`.
struct Simplified {
    text: String,
    is_literal: bool,
}

/// What stands for something whose text nobody knows.
const UNKNOWN: &str = "${...}";

impl Simplified {
    fn add(&mut self, parts: &[WordPart], source: &str, deep: bool) {
        for part in parts {
            match &part.kind {
                PartKind::Literal(text)
                | PartKind::SingleQuoted(text)
                | PartKind::AnsiQuoted(text)
                | PartKind::Glob(text) => self.text.push_str(text),
                PartKind::Tilde(user) => {
                    self.text.push('~');
                    self.text.push_str(user);
                }
                PartKind::Escaped(c) => self.text.push(*c),
                PartKind::DoubleQuoted { parts, .. } => self.add(parts, source, deep),
                _ => {
                    self.is_literal = false;
                    self.add_expansion(part, source, deep);
                }
            }
        }
    }

    fn add_expansion(&mut self, part: &WordPart, source: &str, deep: bool) {
        match &part.kind {
            PartKind::Parameter(Parameter { name, operator: None, .. }) => {
                self.text.push_str("${");
                self.text.push_str(name);
                self.text.push('}');
            }
            PartKind::Parameter(_) => self.text.push_str(part.text(source)),
            PartKind::CommandSubstitution { body, backticks: false } => match only_command(body) {
                // hadolint sees the words of the command.
                Some(simple) => {
                    self.text.push_str("$(");
                    for (at, word) in simple.words.iter().enumerate() {
                        if at > 0 {
                            self.text.push(' ');
                        }
                        self.add(&word.parts, source, deep);
                    }
                    self.text.push(')');
                }
                None => self.text.push_str(UNKNOWN),
            },
            PartKind::CommandSubstitution { .. } | PartKind::Arithmetic { brackets: false, .. } => {
                self.text.push_str(UNKNOWN);
            }
            _ if deep => self.text.push_str(part.text(source)),
            _ => {}
        }
    }
}

/// Returns the command of a list that is one simple command.
fn only_command(body: &List) -> Option<&SimpleCommand> {
    let [item] = body.items.as_slice() else { return None };
    match (item.rest.as_slice(), item.first.commands.as_slice()) {
        ([], [crate::shell::Command { kind: CommandKind::Simple(simple), .. }]) => Some(simple),
        _ => None,
    }
}
