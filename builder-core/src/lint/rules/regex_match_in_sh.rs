//! `SC3015`.

use crate::lint::prelude::*;
use crate::lint::sh::{is_operator, report};
use crate::shell::Index;

rule! {
    /// ## What it does
    /// Finds `=~` in `[ … ]` in a script for `sh`.
    ///
    /// ## Why it matters
    /// Debian's `/bin/sh` and that of Alpine do not know it: the command fails, or does something else. It works in
    /// `bash` only.
    ///
    /// ## Example
    /// ```dockerfile
    /// RUN [ "$NAME" =~ ^a ] && make
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// RUN case "$NAME" in a*) make;; esac
    /// ```
    RULE {
        id: "regex-match-in-sh",
        codes: &["SC3015"],
        summary: "`=~` in `[ … ]`, which POSIX sh does not know",
        level: Level::Warning,
        group: Group::Shell,
        activation: Activation::Default,
        fixable: Fixable::Never,
        status: FIRST,
        check: Check::Tree(check),
    }
}

fn check(cx: &Context<'_>, script: &ScriptView<'_>, index: &Index<'_>) {
    if !script.grammar.is_narrow() {
        return;
    }
    for test in crate::lint::sh::tests_and_calls(index) {
        for (_, operator, _) in test.comparisons() {
            if is_operator(operator, &["=~"]) {
                report(cx, script, operator.span, "POSIX sh has no `=~`").done();
            }
        }
    }
}
