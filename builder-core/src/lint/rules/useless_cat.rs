//! `SC2002`.

use crate::lint::prelude::*;
use crate::lint::sh::{call_at, leading, report};
use crate::shell::Index;

rule! {
    /// ## What it does
    /// Finds `cat file | command`.
    ///
    /// ## Why it matters
    /// The command can read the file itself.
    ///
    /// ## Example
    /// ```dockerfile
    /// RUN cat /etc/passwd | grep root
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// RUN grep root /etc/passwd
    /// ```
    RULE {
        id: "useless-cat",
        codes: &["SC2002"],
        summary: "`cat` of one file into a pipe",
        level: Level::Style,
        group: Group::Shell,
        activation: Activation::Opinion,
        fixable: Fixable::Never,
        status: FIRST,
        check: Check::Tree(check),
    }
}

fn check(cx: &Context<'_>, script: &ScriptView<'_>, index: &Index<'_>) {
    for (pipeline, _) in index.pipelines().filter(|(pipeline, _)| pipeline.commands.len() > 1) {
        let Some(call) = call_at(pipeline, 0).filter(|call| call.base() == "cat") else { continue };
        let [word] = call.args else { continue };
        let is_one = !word.has_glob() && !leading(word).starts_with('-') && (!word.has_expansion() || word.is_quoted());
        if is_one {
            report(cx, script, word.span, "the next command can read the file itself").done();
        }
    }
}
