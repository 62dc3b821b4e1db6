//! `SC2010`.

use crate::lint::prelude::*;
use crate::lint::sh::{call_at, report};
use crate::shell::Index;

rule! {
    /// ## What it does
    /// Finds `ls | grep`.
    ///
    /// ## Why it matters
    /// Names with line feeds or odd characters come out changed.
    ///
    /// ## Example
    /// ```dockerfile
    /// RUN ls /srv | grep app
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// RUN ls -d /srv/*app*
    /// ```
    RULE {
        id: "grep-on-ls",
        codes: &["SC2010"],
        summary: "the output of `ls` is read by `grep`",
        level: Level::Warning,
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
            if left.base() == "ls" && ["grep", "egrep", "fgrep"].contains(&right.base()) {
                report(cx, script, left.span, "`grep` cannot read the output of `ls` reliably").done();
            }
        }
    }
}
