//! The step goes on when a command fails.

use crate::lint::edits::indent_at;
use crate::lint::prelude::*;
use crate::shell::{AndOr, CommandKind, ListItem, Pipeline, SimpleCommand, Terminator, Word};

rule! {
    /// ## What it does
    /// Finds commands in a `RUN` or its heredoc whose failure nobody notices: another command follows behind `;` or
    /// a line feed, and the shell was not told to stop at errors.
    ///
    /// ## Why it matters
    /// The step counts as done when its last command succeeds: the image is built, lacks something, and stays in
    /// the cache.
    ///
    /// ## Example
    /// ```dockerfile
    /// RUN <<EOF
    /// apt-get update
    /// apt-get install -y curl
    /// EOF
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// RUN <<EOF
    /// set -e
    /// apt-get update
    /// apt-get install -y curl
    /// EOF
    /// ```
    ///
    /// ## Fix safety
    /// Unsafe: a build that ignored errors fails at them. There is none where a script begins with a shebang.
    RULE {
        id: "unchecked-command",
        codes: &[],
        summary: "the step goes on when a command fails",
        level: Level::Warning,
        group: Group::Correctness,
        activation: Activation::Default,
        fixable: Fixable::Sometimes,
        status: FIRST,
        check: Check::Script(check),
    }
}

/// Commands that cannot fail, or whose failure does no harm.
const HARMLESS: [&str; 31] = [
    "set", "dpkg", "id", "pwd", "which", "date", "uname", "df", "echo", "printf", "export", "cd", ":", "true", "false",
    "shopt", "umask", "unset", "local", "trap", "alias", "rm", "exit", "readonly", "declare", "typeset", "ulimit",
    "sleep", "ls", "cat", "env",
];

fn check(cx: &Context<'_>, script: &ScriptView<'_>) {
    if !script.is_run() || script.is_exec || !script.shell.is_bourne() || script.shell.stops_at_errors() {
        return;
    }
    let Some(tree) = script.tree() else { return };
    let items = &tree.body.items;
    let is_strict = items.iter().position(|item| commands(item).any(|(simple, _)| stops_at_errors(simple)));
    let before = &items[..is_strict.unwrap_or(items.len())];
    let unchecked =
        before.iter().enumerate().filter(|(at, _)| at + 1 < items.len()).find_map(|(_, item)| unchecked(item));
    let Some(span) = unchecked else { return };
    let start = script.text.source_offset(script.text.as_str().len() - script.text.as_str().trim_start().len());
    let indent = indent_at(cx, start);
    let text = if script.is_heredoc { format!("set -e\n{indent}") } else { "set -e; ".to_owned() };
    let has_shebang = script.text.as_str().starts_with("#!");
    let fix = (is_strict.is_none() && !has_shebang)
        .then(|| Fix::risky("begin with `set -e`", vec![Edit::insert(start, text)]));
    cx.report(script.view.index, script.place(span), "the step goes on when this fails")
        .help("join the commands with `&&`, or begin with `set -e`")
        .maybe_fix(fix)
        .done();
}

/// The simple commands of an item, each with the pipeline that it is in.
fn commands(item: &ListItem) -> impl Iterator<Item = (&SimpleCommand, &Pipeline)> {
    let pipelines = std::iter::once(&item.first).chain(item.rest.iter().map(|(_, pipeline)| pipeline));
    pipelines.flat_map(|pipeline| {
        pipeline.commands.iter().filter_map(move |command| match &command.kind {
            CommandKind::Simple(simple) => Some((simple, pipeline)),
            _ => None,
        })
    })
}

fn stops_at_errors(simple: &SimpleCommand) -> bool {
    let words: Vec<_> = simple.words.iter().filter_map(Word::literal).collect();
    let is_option = |word: &str| word.starts_with('-') && !word.starts_with("--") && word.contains('e');
    words.first().is_some_and(|name| name == "set")
        && words[1..].iter().any(|word| is_option(word) || word == "errexit")
}

/// Finds the command whose failure gets lost when the next item begins.
fn unchecked(item: &ListItem) -> Option<Span> {
    let is_background = matches!(item.terminator, Some((Terminator::Background, _)));
    if is_background || item.terminator.is_none() || item.rest.iter().any(|(operator, _)| *operator == AndOr::Or) {
        return None;
    }
    let last = item.rest.last().map_or(&item.first, |(_, pipeline)| pipeline);
    let can_fail = commands(item).any(|(simple, _)| {
        let name = simple.words.first().and_then(Word::literal);
        name.is_some_and(|name| !HARMLESS.contains(&name.rsplit('/').next().unwrap_or(&name)))
    });
    (can_fail && last.negated.is_none()).then_some(last.span)
}
