//! `SC3048`.

use crate::lint::prelude::*;
use crate::lint::sh::{calls, leading, report};
use crate::shell::Index;

rule! {
    /// ## What it does
    /// Finds names of signals with `SIG` in a script for `sh`.
    ///
    /// ## Why it matters
    /// Debian's `/bin/sh` and that of Alpine do not know it: the command fails, or does something else. It works in
    /// `bash` only.
    ///
    /// ## Example
    /// ```dockerfile
    /// RUN trap "echo stopped" SIGTERM; make
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// RUN trap "echo stopped" TERM; make
    /// ```
    RULE {
        id: "trap-signal-prefix-in-sh",
        codes: &["SC3048"],
        summary: "names of signals with `SIG`, which POSIX sh does not know",
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
    for call in calls(index).filter(|call| call.name == "trap") {
        for word in call.args.iter().skip(1).filter(|word| leading(word).starts_with("SIG")) {
            report(cx, script, word.span, "POSIX sh has names of signals without `SIG`").done();
        }
    }
}
