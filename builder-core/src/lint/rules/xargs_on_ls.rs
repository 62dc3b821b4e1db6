//! `SC2011`.

use crate::lint::prelude::*;
use crate::lint::sh::{call_at, report};
use crate::shell::Index;

rule! {
    /// ## What it does
    /// Finds `ls | xargs`.
    ///
    /// ## Why it matters
    /// Names with blanks or quotes become several arguments.
    ///
    /// ## Example
    /// ```dockerfile
    /// RUN ls /srv | xargs rm
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// RUN rm /srv/*
    /// ```
    RULE {
        id: "xargs-on-ls",
        codes: &["SC2011"],
        summary: "the output of `ls` is read by `xargs`",
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
            if left.base() == "ls" && right.base() == "xargs" {
                report(cx, script, left.span, "`xargs` takes names with blanks apart").done();
            }
        }
    }
}
