//! `SC3046`.

use crate::lint::prelude::*;
use crate::lint::sh::{calls, report};
use crate::shell::Index;

rule! {
    /// ## What it does
    /// Finds `source` in a script for `sh`.
    ///
    /// ## Why it matters
    /// Debian's `/bin/sh` and that of Alpine do not know it: the command fails, or does something else. It works in
    /// `bash` only.
    ///
    /// ## Example
    /// ```dockerfile
    /// RUN source /env.sh && make
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// RUN . /env.sh && make
    /// ```
    ///
    /// ## Fix safety
    /// Safe: where `source` is known, `.` is the same for a path.
    RULE {
        id: "source-in-sh",
        codes: &["SC3046"],
        summary: "`source`, which POSIX sh does not know",
        level: Level::Warning,
        group: Group::Shell,
        activation: Activation::Default,
        fixable: Fixable::Always,
        status: FIRST,
        check: Check::Tree(check),
    }
}

fn check(cx: &Context<'_>, script: &ScriptView<'_>, index: &Index<'_>) {
    if !script.grammar.is_narrow() {
        return;
    }
    for call in calls(index).filter(|call| call.name == "source") {
        let edit = Edit::replace(script.place(call.head.span), ".");
        report(cx, script, call.head.span, "POSIX sh has no `source`").fix(Fix::safe("write `.`", vec![edit])).done();
    }
}
