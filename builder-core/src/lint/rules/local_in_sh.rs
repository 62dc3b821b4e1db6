//! `SC3043`.

use crate::lint::model::Grammar;
use crate::lint::prelude::*;
use crate::lint::sh::{calls, report};
use crate::shell::Index;

rule! {
    /// ## What it does
    /// Finds `local` in a script for `sh`.
    ///
    /// ## Why it matters
    /// Debian's `/bin/sh` and that of Alpine do not know it: the command fails, or does something else. It works in
    /// `bash` only.
    ///
    /// ## Example
    /// ```dockerfile
    /// RUN build() { local name=$1; make "$name"; }; build app
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// RUN build() { make "$1"; }; build app
    /// ```
    RULE {
        id: "local-in-sh",
        codes: &["SC3043"],
        summary: "`local`, which POSIX sh does not know",
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
    for call in calls(index).filter(|call| call.name == "local" && script.grammar == Grammar::Posix) {
        report(cx, script, call.head.span, "POSIX sh has no `local`").done();
    }
}
