//! `SC1071`.

use crate::lint::prelude::*;

rule! {
    /// ## What it does
    /// Finds a script for `zsh`, `fish`, `csh` and the like.
    ///
    /// ## Why it matters
    /// The rules cannot judge it.
    ///
    /// ## Example
    /// ```dockerfile
    /// RUN <<EOF
    /// #!/bin/zsh
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
        id: "foreign-shebang",
        codes: &["SC1071"],
        summary: "a script is for an interpreter that is no POSIX shell",
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
    let shells = ["csh", "tcsh", "fish", "zsh"];
    let is_foreign = crate::lint::sh::FOREIGN.iter().any(|foreign| base.starts_with(foreign));
    if is_foreign && (cx.is_hadolint() || shells.contains(&base)) {
        cx.report(script.view.index, span, format!("scripts for `{base}` are not judged")).done();
    }
}
