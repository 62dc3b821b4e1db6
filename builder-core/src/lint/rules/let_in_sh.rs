//! `SC3039`.

use crate::lint::prelude::*;
use crate::lint::sh::{calls, report};
use crate::shell::Index;

rule! {
    /// ## What it does
    /// Finds `let` in a script for `sh`.
    ///
    /// ## Why it matters
    /// Debian's `/bin/sh` and that of Alpine do not know it: the command fails, or does something else. It works in
    /// `bash` only.
    ///
    /// ## Example
    /// ```dockerfile
    /// RUN n=1; let n=n+1; echo "$n"
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// RUN n=1; n=$((n + 1)); echo "$n"
    /// ```
    RULE {
        id: "let-in-sh",
        codes: &["SC3039"],
        summary: "`let`, which POSIX sh does not know",
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
    for call in calls(index).filter(|call| call.name == "let") {
        report(cx, script, call.head.span, "POSIX sh has no `let`").done();
    }
}
