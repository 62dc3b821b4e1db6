//! Questions about the commands of a script that several rules ask.

use std::borrow::Cow;
use std::collections::HashMap;

use super::context::{Context, Report};
use super::model::{Grammar, ScriptView};
pub(in crate::lint) use super::shebang::{FOREIGN, shebang, syntax_error};
use crate::shell::{
    Assignment, Command, CommandKind, CommandSite, Index, ListItem, PartKind, PartSite, Pipeline, RedirectOperator,
    ScopeId, SimpleCommand, Word, WordPart, WordRole,
};
use crate::text::Span;

/// Begins a finding at a place of a script.
pub(in crate::lint) fn report<'c>(
    cx: &'c Context<'_>,
    script: &ScriptView<'_>,
    span: Span,
    message: impl Into<String>,
) -> Report<'c> {
    cx.report(script.view.index, script.place(span), message)
}

/// A command by its name, behind `command`, `exec`, `builtin` and `busybox`.
#[derive(Clone, Debug)]
pub(in crate::lint) struct Call<'a> {
    /// The name as written, without quotes.
    pub name: Cow<'a, str>,
    /// The word that is the name.
    pub head: &'a Word,
    /// What follows the name.
    pub args: &'a [Word],
    /// All of the command, assignments and redirections included.
    pub span: Span,
    /// Its place in [`Index::commands`].
    pub at: usize,
}

impl<'a> Call<'a> {
    /// Reads a command; `None` where it has no name, or one that is known only when it runs.
    pub(in crate::lint) fn new(simple: &'a SimpleCommand, span: Span, at: usize) -> Option<Self> {
        let (mut head, mut args) = simple.words.split_first()?;
        let mut name = head.literal()?;
        // ShellCheck looks through one of them.
        if matches!(name.as_ref(), "command" | "exec" | "builtin" | "busybox") {
            let skipped = if name == "exec" && args.first().is_some_and(|word| is(word, "-a")) { 2 } else { 0 };
            let inner = args.get(skipped..).and_then(<[Word]>::split_first);
            let inner = inner.and_then(|(head, args)| Some((head, args, head.literal()?)));
            if let Some((inner_head, inner_args, inner_name)) = inner.filter(|(_, _, name)| !name.starts_with('-')) {
                (head, args, name) = (inner_head, inner_args, inner_name);
            }
        }
        Some(Self { name, head, args, span, at })
    }

    /// Returns the name without its folder.
    pub(in crate::lint) fn base(&self) -> &str {
        self.name.rsplit('/').next().unwrap_or(&self.name)
    }

    /// Returns the flags in order with their words: letters of `-abc` each by itself, long ones without what
    /// follows `=`; nothing behind `--`.
    pub(in crate::lint) fn flags(&self) -> impl Iterator<Item = (String, &'a Word)> + use<'a> {
        let args = self.args.iter().map(|word| (leading(word), word)).take_while(|(text, _)| text != "--");
        args.flat_map(|(text, word)| {
            let names: Vec<String> = match (text.strip_prefix("--"), text.strip_prefix('-')) {
                (Some(long), _) => vec![long.split('=').next().unwrap_or_default().to_owned()],
                (None, Some(short)) => short.chars().map(String::from).collect(),
                (None, None) => Vec::new(),
            };
            names.into_iter().map(move |name| (name, word))
        })
    }

    /// Tells whether it has one of these flags.
    pub(in crate::lint) fn has_flag(&self, names: &[&str]) -> bool {
        self.flags().any(|(flag, _)| names.contains(&flag.as_str()))
    }

    /// Returns the arguments that do not begin with `-`.
    pub(in crate::lint) fn operands(&self) -> impl Iterator<Item = &'a Word> + use<'a> {
        self.args.iter().filter(|word| !leading(word).starts_with('-'))
    }

    /// Returns the value of an argument that is known.
    pub(in crate::lint) fn literal(&self, at: usize) -> Option<Cow<'a, str>> {
        self.args.get(at)?.literal()
    }
}

/// Returns what a word begins with as far as it is known, quotes removed; all of it where it is literal.
pub(in crate::lint) fn leading(word: &Word) -> String {
    let mut text = String::new();
    push_leading(&word.parts, &mut text);
    text
}

fn push_leading(parts: &[WordPart], text: &mut String) -> bool {
    for part in parts {
        let goes_on = match &part.kind {
            PartKind::Literal(value) | PartKind::SingleQuoted(value) => {
                text.push_str(value);
                true
            }
            PartKind::Escaped(c) => {
                text.push(*c);
                true
            }
            PartKind::DoubleQuoted { parts, .. } => push_leading(parts, text),
            _ => false,
        };
        if !goes_on {
            return false;
        }
    }
    true
}

/// Returns every command that has a name, `[` left out.
pub(in crate::lint) fn calls<'a>(index: &Index<'a>) -> impl Iterator<Item = Call<'a>> {
    index
        .commands
        .iter()
        .enumerate()
        .filter_map(|(at, site)| match &site.command.kind {
            CommandKind::Simple(simple) => Call::new(simple, site.command.span, at),
            _ => None,
        })
        .filter(|call| call.name != "[")
}

/// Tells whether what stands between quotes is one expansion and nothing else.
pub(in crate::lint) fn is_one_expansion(parts: &[WordPart]) -> bool {
    matches!(parts, [part] if !matches!(part.kind, PartKind::Literal(_) | PartKind::Escaped(_)))
}

/// Returns the name and the arguments of a command of a pipeline, without its folder.
pub(in crate::lint) fn call_at(pipeline: &Pipeline, position: usize) -> Option<Call<'_>> {
    let command = pipeline.commands.get(position)?;
    match &command.kind {
        CommandKind::Simple(simple) => Call::new(simple, command.span, 0),
        _ => None,
    }
}

/// A condition: `[ … ]`, or bash's `[[ … ]]`.
#[derive(Clone, Debug)]
pub(in crate::lint) struct Test<'a> {
    /// What stands between the brackets.
    pub words: &'a [Word],
    /// Where it begins.
    pub span: Span,
    /// Whether it is `[[`.
    pub is_double: bool,
    /// Its place in [`Index::commands`].
    pub at: usize,
}

/// Returns every condition in brackets.
pub(in crate::lint) fn tests<'a>(index: &Index<'a>) -> impl Iterator<Item = Test<'a>> {
    index.commands.iter().enumerate().filter_map(|(at, site)| test_of(site, at))
}

fn test_of<'a>(site: &CommandSite<'a>, at: usize) -> Option<Test<'a>> {
    let span = site.command.span;
    match &site.command.kind {
        CommandKind::Test(words) => Some(Test { words, span, is_double: true, at }),
        CommandKind::Simple(simple) => {
            let (name, arguments) = simple.words.split_first()?;
            let (last, words) = arguments.split_last()?;
            (is(name, "[") && is(last, "]")).then_some(Test {
                words,
                span: name.span.cover(span),
                is_double: false,
                at,
            })
        }
        _ => None,
    }
}

/// Operators between two operands.
const BINARY: [&str; 17] =
    ["=", "==", "!=", "<", ">", "<=", ">=", "=~", "-eq", "-ne", "-lt", "-le", "-gt", "-ge", "-nt", "-ot", "-ef"];

impl<'a> Test<'a> {
    /// Returns the operands and operators of its comparisons.
    pub(in crate::lint) fn comparisons(&self) -> impl Iterator<Item = (&'a Word, &'a Word, &'a Word)> {
        self.words.windows(3).filter(|three| is_operator(&three[1], &BINARY)).filter_map(|three| match three {
            [left, operator, right] => Some((left, operator, right)),
            _ => None,
        })
    }

    /// Returns the operands of operators such as `-f`, with the operator.
    pub(in crate::lint) fn unary(&self) -> impl Iterator<Item = (&'a Word, &'a Word)> {
        let words = self.words;
        words.windows(2).enumerate().filter_map(move |(at, two)| {
            let [operator, operand] = two else { return None };
            let text = operator.literal()?;
            let is_unary = text.len() == 2 && text.starts_with('-') && !operator.is_quoted();
            let begins = at == 0 || is_operator(&words[at - 1], &["!", "-a", "-o", "&&", "||", "(", "\\("]);
            // `-a` and `-o` between operands join them.
            (is_unary && begins && !is_operator(operand, &BINARY)).then_some((operator, operand))
        })
    }
}

/// Tells whether a word is one of these operators, unquoted (a backslash before it is no quote here).
pub(in crate::lint) fn is_operator(word: &Word, operators: &[&str]) -> bool {
    let is_quoted = word.parts.iter().any(|part| {
        matches!(part.kind, PartKind::DoubleQuoted { .. } | PartKind::SingleQuoted(_) | PartKind::AnsiQuoted(_))
    });
    !is_quoted && word.literal().is_some_and(|text| operators.contains(&text.as_ref()))
}

/// Tells whether a word is this text.
pub(in crate::lint) fn is(word: &Word, text: &str) -> bool {
    word.literal().is_some_and(|literal| literal == text)
}

/// Tells whether a word has nothing in it but text without quotes.
pub(in crate::lint) fn is_bare(word: &Word) -> bool {
    matches!(word.parts.as_slice(), [WordPart { kind: PartKind::Literal(_), .. }])
}

/// Tells whether a shell does not split the value of an expansion: in quotes, in an assignment, in `case`, in
/// arithmetic, in `[[ ]]`, in a here-document.
pub(in crate::lint) fn is_unsplit(script: &ScriptView<'_>, index: &Index<'_>, site: &PartSite<'_>) -> bool {
    let place = site.place;
    if place.double_quoted || place.arithmetic || place.index {
        return true;
    }
    match place.role {
        WordRole::CommandName | WordRole::Argument(_) | WordRole::RedirectTarget | WordRole::HereString => false,
        // A shell takes the arguments of `export` for assignments if it is no plain `sh`.
        WordRole::Declaration(_) => {
            let name = index.commands.get(site.command).and_then(|site| match &site.command.kind {
                CommandKind::Simple(simple) => simple.words.first()?.literal(),
                _ => None,
            });
            name.as_deref() != Some("alias") && script.grammar != Grammar::Posix
        }
        _ => true,
    }
}

/// Tells whether a script stops at the first command that fails.
pub(in crate::lint) fn stops_at_errors(index: &Index<'_>) -> bool {
    calls(index).any(|call| {
        call.name == "set"
            && call
                .args
                .iter()
                .filter_map(Word::literal)
                .any(|word| word == "errexit" || word.starts_with('-') && !word.starts_with("--") && word.contains('e'))
    })
}

/// Returns the operator before a place, which stands between two pipelines.
pub(in crate::lint) fn operator_before(script: &ScriptView<'_>, end: u32, start: u32) -> Span {
    let text = script.slice(Span::new(end, start));
    let at = text.find(['&', '|']).unwrap_or(0);
    let from = end + u32::try_from(at).unwrap_or(0);
    Span::new(from, (from + 2).min(start))
}

/// Returns the text of a word with everything that is expanded left out.
pub(in crate::lint) fn bare_text(parts: &[WordPart]) -> String {
    let mut text = String::new();
    for part in parts {
        match &part.kind {
            PartKind::Literal(value) | PartKind::SingleQuoted(value) | PartKind::AnsiQuoted(value) => {
                text.push_str(value);
            }
            PartKind::Escaped(c) => text.push(*c),
            PartKind::DoubleQuoted { parts, .. } => text.push_str(&bare_text(parts)),
            _ => {}
        }
    }
    text
}

/// Returns the loops over the output of one command: the word, and the command.
pub(in crate::lint) fn loops_over<'a>(index: &Index<'a>) -> Vec<(&'a Word, Call<'a>)> {
    let mut found = Vec::new();
    for site in &index.commands {
        let CommandKind::For { words: Some(words), .. } = &site.command.kind else { continue };
        let [word] = words.as_slice() else { continue };
        let [WordPart { kind: PartKind::CommandSubstitution { body, .. }, .. }] = word.parts.as_slice() else {
            continue;
        };
        let [item] = body.items.as_slice() else { continue };
        if let (true, Some(call)) = (item.rest.is_empty() && item.first.commands.len() == 1, call_at(&item.first, 0)) {
            found.push((word, call));
        }
    }
    found
}

/// Returns assignments before a command whose variable the command's own arguments read, with where they do.
pub(in crate::lint) fn early_uses<'a>(index: &Index<'a>) -> Vec<(&'a Assignment, Span)> {
    let mut found = Vec::new();
    for (parameter, site) in index.parameters() {
        let Some(CommandKind::Simple(simple)) = index.commands.get(site.command).map(|site| &site.command.kind) else {
            continue;
        };
        let Some(assignment) = simple.assignments.iter().find(|known| known.name.value == parameter.name) else {
            continue;
        };
        // Words stand in the order of the text.
        let before = simple.words.partition_point(|word| word.span.start <= site.part.span.start);
        let word = before.checked_sub(1).and_then(|at| simple.words.get(at));
        if word.is_some_and(|word| word.span.cover(site.part.span) == word.span) {
            found.push((assignment, site.part.span));
        }
    }
    found
}

/// Returns the items of every list, with the first command of each.
pub(in crate::lint) fn item_lists<'i, 'a>(index: &'i Index<'a>) -> Vec<Vec<(&'i CommandSite<'a>, &'a ListItem)>> {
    let mut places: HashMap<ScopeId, usize> = HashMap::new();
    let mut lists: Vec<Vec<_>> = Vec::new();
    for (item, site) in index.items() {
        let place = *places.entry(site.scope).or_insert(lists.len());
        match lists.get_mut(place) {
            Some(list) => list.push((site, item)),
            None => lists.push(vec![(site, item)]),
        }
    }
    lists
}

/// Tells whether an expansion is, all by itself, the command that runs.
pub(in crate::lint) fn is_name_of_command(index: &Index<'_>, site: &PartSite<'_>) -> bool {
    let Some(word) = site.word.filter(|word| matches!(word.parts.as_slice(), [part] if part.span == site.part.span))
    else {
        return false;
    };
    if site.place.role == WordRole::CommandName {
        return true;
    }
    let Some(CommandKind::Simple(simple)) = index.commands.get(site.command).map(|site| &site.command.kind) else {
        return false;
    };
    let mut prefixes = simple.words.iter().take_while(|known| known.span != word.span);
    site.place.role == WordRole::Argument(0)
        && prefixes.all(|known| ["command", "exec", "builtin"].iter().any(|name| is(known, name)))
}

/// Returns every condition in brackets, and those of `test`.
pub(in crate::lint) fn tests_and_calls<'a>(index: &Index<'a>) -> Vec<Test<'a>> {
    let of_call = |call: Call<'a>| {
        let test = Test { words: call.args, span: call.span, is_double: false, at: call.at };
        (call.name == "test").then_some(test)
    };
    tests(index).chain(calls(index).filter_map(of_call)).collect()
}

/// Returns where the output of a command goes to a file.
pub(in crate::lint) fn output_redirect(command: &Command) -> Option<Span> {
    let mut redirects = command.redirects.iter();
    let has_copy = redirects.any(|known| {
        let from = known.descriptor.as_ref().map(|known| known.value.as_str());
        known.operator == RedirectOperator::DuplicateOutput && from.is_some_and(|from| from != "1")
    });
    let redirect = command.redirects.iter().find(|known| {
        let is_output = known.descriptor.as_ref().is_none_or(|known| known.value == "1");
        let is_write = matches!(
            known.operator,
            RedirectOperator::Write
                | RedirectOperator::Append
                | RedirectOperator::Clobber
                | RedirectOperator::WriteBoth
        );
        is_output && is_write
    });
    let redirect = redirect.filter(|_| !has_copy)?;
    let at = redirect.descriptor.as_ref().map_or(redirect.span.start, |known| known.span.end);
    Some(Span::new(at, redirect.span.end))
}

/// Returns the substitutions of one pipeline whose output goes to a file, with where it goes.
pub(in crate::lint) fn redirected_substitutions(index: &Index<'_>) -> Vec<(Span, Span)> {
    let mut found = Vec::new();
    for site in &index.parts {
        let PartKind::CommandSubstitution { body, .. } = &site.part.kind else { continue };
        let [item] = body.items.as_slice() else { continue };
        let Some(last) = item.first.commands.last().filter(|_| item.rest.is_empty()) else { continue };
        let is_empty = matches!(&last.kind, CommandKind::Simple(simple) if simple.words.is_empty());
        if let Some(redirect) = output_redirect(last).filter(|_| !is_empty) {
            found.push((site.part.span, redirect));
        }
    }
    found
}

/// Returns the lists, `$@` and `${name[@]}`, that are operands of conditions in brackets.
pub(in crate::lint) fn lists_in_tests(index: &Index<'_>, is_double: bool) -> Vec<Span> {
    let mut found = Vec::new();
    for test in tests(index).filter(|test| test.is_double == is_double) {
        let joins = test.words.iter().any(|word| is_operator(word, &["-a", "-o"]));
        for word in test.words.iter().filter(|_| is_double || test.words.len() > 1 && !joins) {
            let has_list = |parts: &[WordPart]| parts.iter().any(is_list);
            let is_meant = word.parts.iter().any(|part| match &part.kind {
                PartKind::DoubleQuoted { parts, .. } => {
                    is_double && has_list(parts) || matches!(parts.as_slice(), [part] if is_list(part))
                }
                _ => is_list(part),
            });
            if is_meant {
                found.push(word.span);
            }
        }
    }
    found
}

fn is_list(part: &WordPart) -> bool {
    let PartKind::Parameter(parameter) = &part.kind else { return false };
    let is_all = parameter.index.as_ref().is_some_and(|word| is(word, "@"));
    !parameter.length && (parameter.name == "@" || is_all)
}
