//! `SC2038`.

use crate::lint::prelude::*;
use crate::lint::sh::{call_at, is, report};
use crate::shell::Index;

rule! {
    /// ## What it does
    /// Finds `find | xargs` without `-print0` and `-0`.
    ///
    /// ## Why it matters
    /// Names with blanks or quotes become several arguments.
    ///
    /// ## Example
    /// ```dockerfile
    /// RUN find /srv -name core | xargs rm
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// RUN find /srv -name core -exec rm {} +
    /// ```
    RULE {
        id: "xargs-on-find",
        codes: &["SC2038"],
        summary: "the output of `find` is read by `xargs`",
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
            if left.base() == "find"
                && right.base() == "xargs"
                && !right.has_flag(&["0", "null"])
                && !left.has_flag(&["print0", "printf"])
                && !left.args.iter().any(|word| is(word, "-print0") || is(word, "-printf"))
            {
                report(cx, script, left.span, "`xargs` takes names with blanks apart").done();
            }
        }
    }
}
