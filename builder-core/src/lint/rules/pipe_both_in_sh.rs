//! `SC3029`.

use crate::lint::prelude::*;
use crate::lint::sh::report;
use crate::shell::Index;

rule! {
    /// ## What it does
    /// Finds `|&` in a script for `sh`.
    ///
    /// ## Why it matters
    /// Debian's `/bin/sh` and that of Alpine do not know it: the command fails, or does something else. It works in
    /// `bash` only.
    ///
    /// ## Example
    /// ```dockerfile
    /// RUN make |& tee /build.log
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// RUN make 2>&1 | tee /build.log
    /// ```
    RULE {
        id: "pipe-both-in-sh",
        codes: &["SC3029"],
        summary: "`|&`, which POSIX sh does not know",
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
    for (pipeline, _) in index.pipelines() {
        for pipe in pipeline.pipes.iter().filter(|pipe| script.slice(**pipe) == "|&") {
            report(cx, script, *pipe, "POSIX sh has no `|&`").done();
        }
    }
}
