//! `SC2090`.

use std::borrow::Cow;
use std::collections::HashSet;

use crate::lint::prelude::*;
use crate::lint::sh::{bare_text, is, is_unsplit, report};
use crate::shell::{Assignment, CommandKind, Index, PartKind, PartSite, Word, WordPart};

rule! {
    /// ## What it does
    /// Finds a variable with quotes in its value that stands without quotes.
    ///
    /// ## Why it matters
    /// The shell reads quotes before it puts values in: those in a value are characters like others, and hold nothing together.
    ///
    /// ## Example
    /// ```dockerfile
    /// RUN flags='--name="builder"'; make $flags
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// RUN set -- --name=builder; make "$@"
    /// ```
    RULE {
        id: "quotes-in-value",
        codes: &["SC2090"],
        summary: "quotes in the value of a variable that is split",
        level: Level::Warning,
        group: Group::Shell,
        activation: Activation::Default,
        fixable: Fixable::Never,
        status: FIRST,
        check: Check::Tree(check),
    }
}

fn check(cx: &Context<'_>, script: &ScriptView<'_>, index: &Index<'_>) {
    let mut events: Vec<(u32, Event<'_>)> = Vec::new();
    for (simple, _) in index.simple() {
        if simple.words.is_empty() {
            events.extend(simple.assignments.iter().map(|known| (known.span.end, Event::Given(Cow::Borrowed(known)))));
        }
        let declares = simple.words.first().and_then(Word::literal);
        if declares.is_some_and(|name| ["export", "readonly", "declare", "typeset", "local"].contains(&name.as_ref())) {
            let given = simple.words.iter().filter_map(Word::as_assignment);
            events.extend(given.map(|known| (known.span.end, Event::Given(Cow::Owned(known)))));
        }
    }
    if events.is_empty() {
        return;
    }
    let uses = index.parameters().filter(|(parameter, site)| {
        !parameter.length && !is_unsplit(script, index, site) && !is_argument_of_eval(index, site)
    });
    events.extend(uses.map(|(parameter, site)| (site.part.span.start, Event::Used(&parameter.name, site.part.span))));
    events.sort_by_key(|(at, _)| *at);
    let mut with_quotes: HashSet<String> = HashSet::new();
    for (_, event) in events {
        match event {
            Event::Given(assignment) => {
                let name = &assignment.name.value;
                if has_quotes(&assignment.value.parts, &with_quotes) {
                    with_quotes.insert(name.clone());
                } else {
                    with_quotes.remove(name);
                }
            }
            Event::Used(name, span) if with_quotes.contains(name) => {
                report(cx, script, span, format!("the quotes in the value of `{name}` hold nothing together")).done();
            }
            Event::Used(..) => {}
        }
    }
}

enum Event<'a> {
    Given(Cow<'a, Assignment>),
    Used(&'a str, Span),
}

fn has_quotes(parts: &[WordPart], with_quotes: &HashSet<String>) -> bool {
    parts.iter().any(|part| match &part.kind {
        PartKind::Parameter(parameter) => with_quotes.contains(&parameter.name),
        PartKind::DoubleQuoted { parts, .. } => looks_quoted(&bare_text(parts)) || has_quotes(parts, with_quotes),
        PartKind::Escaped('"') => true,
        PartKind::Literal(text) | PartKind::SingleQuoted(text) => looks_quoted(text),
        _ => false,
    })
}

/// A lone apostrophe is none.
fn looks_quoted(text: &str) -> bool {
    let around = |at: usize| (text[..at].chars().next_back(), text[at + 1..].chars().next());
    text.contains('"')
        || text.contains("\\ ")
        || text.match_indices('\'').any(|(at, _)| {
            let (before, after) = around(at);
            before.is_none_or(|c| "/= ".contains(c)) || after.is_none_or(|c| c == ' ')
        })
}

fn is_argument_of_eval(index: &Index<'_>, site: &PartSite<'_>) -> bool {
    let command = index.commands.get(site.command).map(|site| &site.command.kind);
    matches!(command, Some(CommandKind::Simple(simple)) if simple.words.first().is_some_and(|name| is(name, "eval")))
}
