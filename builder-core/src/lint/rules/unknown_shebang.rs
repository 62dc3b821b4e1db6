//! `SC1008`.

use crate::lint::prelude::*;

rule! {
    /// ## What it does
    /// Finds a script whose shell is none that the rules know.
    ///
    /// ## Why it matters
    /// The rules take it for `bash`, and may be wrong.
    ///
    /// ## Example
    /// ```dockerfile
    /// RUN <<EOF
    /// #!/usr/bin/frobnicate
    /// make
    /// EOF
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// RUN <<EOF
    /// #!/bin/bash
    /// make
    /// EOF
    /// ```
    RULE {
        id: "unknown-shebang",
        codes: &["SC1008"],
        summary: "the interpreter of a script is none that is known",
        level: Level::Error,
        group: Group::Shell,
        activation: Activation::Default,
        fixable: Fixable::Never,
        status: FIRST,
        check: Check::Script(check),
    }
}

fn check(cx: &Context<'_>, script: &ScriptView<'_>) {
    let Some((program, span)) = crate::lint::sh::shebang(cx, script) else { return };
    let base = program.rsplit('/').next().unwrap_or_default();
    let known = ["sh", "ash", "dash", "bash", "bats", "ksh", "ksh88", "ksh93", "oksh"];
    let is_known = known.contains(&base) || crate::lint::sh::FOREIGN.iter().any(|foreign| base.starts_with(foreign));
    if !is_known {
        cx.report(script.view.index, span, format!("`{program}` is no shell that is known")).done();
    }
}
