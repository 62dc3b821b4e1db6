//! `SC2188`.

use crate::lint::prelude::*;
use crate::lint::sh::report;
use crate::shell::{Index, RedirectOperator};

rule! {
    /// ## What it does
    /// Finds a redirection with no command.
    ///
    /// ## Why it matters
    /// It only makes the file empty. Mostly the command is on the line before.
    ///
    /// ## Example
    /// ```dockerfile
    /// RUN > /etc/app.conf
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// RUN : > /etc/app.conf
    /// ```
    RULE {
        id: "redirection-alone",
        codes: &["SC2188"],
        summary: "a redirection without a command",
        level: Level::Warning,
        group: Group::Shell,
        activation: Activation::Default,
        fixable: Fixable::Never,
        status: FIRST,
        check: Check::Tree(check),
    }
}

fn check(cx: &Context<'_>, script: &ScriptView<'_>, index: &Index<'_>) {
    for (simple, site) in index.simple() {
        let is_empty = simple.words.is_empty() && simple.assignments.is_empty();
        let is_read = site.command.redirects.iter().all(|known| known.operator == RedirectOperator::Read);
        let in_substitution = index.scope(site.scope).is_some_and(|scope| scope.construct.is_subshell());
        if is_empty && !site.command.redirects.is_empty() && !(is_read && in_substitution) {
            report(cx, script, site.command.span, "this redirection has no command").done();
        }
    }
}
