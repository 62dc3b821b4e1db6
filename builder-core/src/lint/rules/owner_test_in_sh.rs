//! `SC3067`.

use crate::lint::prelude::*;
use crate::lint::sh::{is_operator, report, tests};
use crate::shell::Index;

rule! {
    /// ## What it does
    /// Finds `-O`, `-G`, `-N` and `-k` tests in a script for `sh`.
    ///
    /// ## Why it matters
    /// Debian's `/bin/sh` and that of Alpine do not know it: the command fails, or does something else. It works in
    /// `bash` only.
    ///
    /// ## Example
    /// ```dockerfile
    /// RUN [ -O /srv ] && make
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// RUN [ -w /srv ] && make
    /// ```
    RULE {
        id: "owner-test-in-sh",
        codes: &["SC3067"],
        summary: "`-O`, `-G`, `-N` and `-k` tests, which POSIX sh does not know",
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
    for test in tests(index).filter(|test| !test.is_double) {
        for (operator, _) in test.unary() {
            if is_operator(operator, &["-G", "-N", "-O"]) {
                report(cx, script, operator.span, "POSIX sh has no such test").done();
            }
        }
    }
}
