//! `SC3010`.

use crate::lint::prelude::*;
use crate::lint::sh::{report, tests};
use crate::shell::Index;

rule! {
    /// ## What it does
    /// Finds `[[ … ]]` in a script for `sh`.
    ///
    /// ## Why it matters
    /// Debian's `/bin/sh` and that of Alpine do not know it: the command fails, or does something else. It works in
    /// `bash` only.
    ///
    /// ## Example
    /// ```dockerfile
    /// RUN [[ -f /a ]] && make
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// RUN [ -f /a ] && make
    /// ```
    RULE {
        id: "double-brackets-in-sh",
        codes: &["SC3010"],
        summary: "`[[ … ]]`, which POSIX sh does not know",
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
    for test in tests(index).filter(|test| test.is_double) {
        report(cx, script, test.span, "POSIX sh has no `[[ … ]]`").done();
    }
}
