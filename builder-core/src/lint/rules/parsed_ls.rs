//! `SC2012`.

use crate::lint::prelude::*;
use crate::lint::sh::{call_at, report};
use crate::shell::Index;

rule! {
    /// ## What it does
    /// Finds `ls` with its output in a pipe.
    ///
    /// ## Why it matters
    /// Names with line feeds, blanks or odd characters come out changed.
    ///
    /// ## Example
    /// ```dockerfile
    /// RUN ls /srv | wc -l
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// RUN find /srv -mindepth 1 -maxdepth 1 -printf . | wc -c
    /// ```
    RULE {
        id: "parsed-ls",
        codes: &["SC2012"],
        summary: "the output of `ls` is read by another command",
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
            let Some(left) = call_at(pipeline, at - 1).filter(|call| call.base() == "ls") else { continue };
            let right = call_at(pipeline, at);
            let other = right.as_ref().is_some_and(|call| ["grep", "egrep", "fgrep", "xargs"].contains(&call.base()));
            if !other && !left.has_flag(&["N"]) {
                report(cx, script, left.span, "the output of `ls` cannot be read reliably").help("use `find`").done();
            }
        }
    }
}
