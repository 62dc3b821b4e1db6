//! `SC3012`.

use crate::lint::model::Grammar;
use crate::lint::prelude::*;
use crate::lint::sh::{is, is_operator, report};
use crate::shell::{Index, Redirect, RedirectOperator};

rule! {
    /// ## What it does
    /// Finds `<` and `>` in `[ … ]` in a script for `sh`.
    ///
    /// ## Why it matters
    /// Debian's `/bin/sh` and that of Alpine do not know it: the command fails, or does something else. It works in
    /// `bash` only.
    ///
    /// ## Example
    /// ```dockerfile
    /// RUN [ "$NAME" \> a ] && make
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// RUN case "$NAME" in [b-z]*) make;; esac
    /// ```
    RULE {
        id: "text-order-in-sh",
        codes: &["SC3012"],
        summary: "`<` and `>` in `[ … ]`, which POSIX sh does not know",
        level: Level::Warning,
        group: Group::Shell,
        activation: Activation::Default,
        fixable: Fixable::Never,
        status: FIRST,
        check: Check::Tree(check),
    }
}

const MESSAGE: &str = "POSIX sh cannot compare the order of texts";

fn check(cx: &Context<'_>, script: &ScriptView<'_>, index: &Index<'_>) {
    if script.grammar != Grammar::Posix {
        return;
    }
    for test in crate::lint::sh::tests_and_calls(index) {
        for (_, operator, _) in test.comparisons() {
            if is_operator(operator, &["<", ">", "<=", ">="]) {
                report(cx, script, operator.span, MESSAGE).done();
            }
        }
    }
    // What was meant as an operator is a redirection.
    for (simple, site) in index.simple().filter(|(simple, _)| simple.words.first().is_some_and(|name| is(name, "["))) {
        let Some(last) = simple.words.last().filter(|last| is(last, "]")) else { continue };
        let is_meant = |known: &&Redirect| {
            matches!(known.operator, RedirectOperator::Read | RedirectOperator::Write)
                && known.descriptor.is_none()
                && known.span.end < last.span.start
        };
        if let Some(redirect) = site.command.redirects.iter().find(is_meant) {
            report(cx, script, redirect.span, MESSAGE).done();
        }
    }
}
