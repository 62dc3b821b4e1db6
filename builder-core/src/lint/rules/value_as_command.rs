//! `SC2037`.

use crate::lint::prelude::*;
use crate::lint::sh::{is, leading, report};
use crate::shell::Index;

rule! {
    /// ## What it does
    /// Finds `name=value -x` and `name=value *.x`.
    ///
    /// ## Why it matters
    /// The option is run as a command; the output of the value may have been meant.
    ///
    /// ## Example
    /// ```dockerfile
    /// RUN files=ls -a
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// RUN files=$(ls -a)
    /// ```
    RULE {
        id: "value-as-command",
        codes: &["SC2037"],
        summary: "a value is followed by an option or a pattern",
        level: Level::Error,
        group: Group::Shell,
        activation: Activation::Default,
        fixable: Fixable::Never,
        status: FIRST,
        check: Check::Tree(check),
    }
}

fn check(cx: &Context<'_>, script: &ScriptView<'_>, index: &Index<'_>) {
    for (simple, site) in index.simple() {
        let ([assignment], Some(word)) = (simple.assignments.as_slice(), simple.words.first()) else { continue };
        let is_odd = word.has_glob() && !is(word, "[") || leading(word).starts_with('-');
        if is_odd && !assignment.value.parts.is_empty() {
            report(cx, script, site.command.span, "this runs what follows, with the variable set")
                .help("write `name=$(command)`")
                .done();
        }
    }
}
