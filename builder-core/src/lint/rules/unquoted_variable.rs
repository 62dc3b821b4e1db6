//! `SC2086`.

use crate::lint::fix::Applicability;
use crate::lint::prelude::*;
use crate::lint::sh::{is, is_name_of_command, is_unsplit, report};
use crate::shell::{CommandKind, Index, Parameter, ParameterOperator, PartKind, PartSite};

rule! {
    /// ## What it does
    /// Finds a variable whose value the shell may split at blanks and take as a pattern for file names.
    ///
    /// ## Why it matters
    /// A blank or a `*` in the value makes several arguments of one. Where that is meant, say so with a comment that
    /// silences the rule.
    ///
    /// ## Example
    /// ```dockerfile
    /// RUN cp $SOURCE /srv
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// RUN cp "$SOURCE" /srv
    /// ```
    ///
    /// ## Fix safety
    /// Shown only: where the value is meant to be several words, or none, quotes make it one.
    RULE {
        id: "unquoted-variable",
        codes: &["SC2086"],
        summary: "a variable outside of quotes, which the shell splits",
        level: Level::Info,
        group: Group::Shell,
        activation: Activation::Default,
        fixable: Fixable::Sometimes,
        status: FIRST,
        check: Check::Tree(check),
    }
}

fn check(cx: &Context<'_>, script: &ScriptView<'_>, index: &Index<'_>) {
    for (parameter, site) in index.parameters() {
        let is_list = parameter.name == "@" || parameter.index.as_ref().is_some_and(|word| is(word, "@"));
        let quiet = parameter.length
            || is_list
            || is_array(parameter)
            || matches!(parameter.operator, Some(ParameterOperator::Alternative { .. }))
            || site.place.operand.is_some()
            || is_unsplit(script, index, site)
            || is_default_of_colon(parameter, index, site)
            || is_name_of_command(index, site)
            || script.flow().is_plain(site.part.span.start);
        if quiet {
            continue;
        }
        let span = site.part.span;
        let text = script.slice(span);
        report(cx, script, span, format!("the shell splits the value of `{text}` at blanks, and looks for files"))
            .maybe_fix(quotes(script, span))
            .done();
    }
}

fn quotes(script: &ScriptView<'_>, span: Span) -> Option<Fix> {
    let place = script.place(span);
    let is_all = script.slice(span) == "$*";
    let quotes = vec![Edit::insert(place.start, "\""), Edit::insert(place.end, "\"")];
    // In quotes it would become one word.
    let edits = if is_all { vec![Edit::replace(place, "\"$@\"")] } else { quotes };
    let title = if is_all { "write `\"$@\"`" } else { "put quotes around it" };
    let fix = Fix { title: title.to_owned(), applicability: Applicability::Display, edits };
    (!script.slice(span).contains(['"', '\n'])).then_some(fix)
}

fn is_array(parameter: &Parameter) -> bool {
    parameter.index.as_ref().is_some_and(
        |word| matches!(word.parts.as_slice(), [part] if matches!(&part.kind, PartKind::Glob(text) if text == "*")),
    )
}

/// `: ${x:=…}` has a rule of its own in ShellCheck.
fn is_default_of_colon(parameter: &Parameter, index: &Index<'_>, site: &PartSite<'_>) -> bool {
    let assigns = matches!(parameter.operator, Some(ParameterOperator::Assign { .. }));
    let command = index.commands.get(site.command).map(|site| &site.command.kind);
    assigns
        && matches!(command, Some(CommandKind::Simple(simple)) if simple.words.first().is_some_and(|name| is(name, ":")))
}
