//! `SC2009`.

use crate::lint::prelude::*;
use crate::lint::sh::{call_at, report};
use crate::shell::Index;

rule! {
    /// ## What it does
    /// Finds `ps | grep`.
    ///
    /// ## Why it matters
    /// The `grep` itself is in the list. `pgrep` looks at names alone.
    ///
    /// ## Example
    /// ```dockerfile
    /// RUN ps aux | grep nginx
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// RUN pgrep -a nginx
    /// ```
    RULE {
        id: "grep-on-ps",
        codes: &["SC2009"],
        summary: "the output of `ps` is read by `grep`",
        level: Level::Info,
        group: Group::Shell,
        activation: Activation::Default,
        fixable: Fixable::Never,
        status: FIRST,
        check: Check::Tree(check),
    }
}

fn check(cx: &Context<'_>, script: &ScriptView<'_>, index: &Index<'_>) {
    for (pipeline, _) in index.pipelines() {
        for at in 1..pipeline.commands.len() {
            let (Some(left), Some(right)) = (call_at(pipeline, at - 1), call_at(pipeline, at)) else { continue };
            if left.base() == "ps"
                && ["grep", "egrep", "fgrep"].contains(&right.base())
                && !left.has_flag(&["p", "pid", "q", "quick-pid"])
            {
                report(cx, script, left.span, "`grep` finds itself in the output of `ps`").done();
            }
        }
    }
}
