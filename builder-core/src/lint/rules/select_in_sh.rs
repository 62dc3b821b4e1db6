//! `SC3008`.

use crate::lint::prelude::*;
use crate::lint::sh::report;
use crate::shell::{CommandKind, Index};

rule! {
    /// ## What it does
    /// Finds `select` in a script for `sh`.
    ///
    /// ## Why it matters
    /// Debian's `/bin/sh` and that of Alpine do not know it: the command fails, or does something else. It works in
    /// `bash` only.
    ///
    /// ## Example
    /// ```dockerfile
    /// RUN select name in a b; do echo "$name"; done
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// RUN for name in a b; do echo "$name"; done
    /// ```
    RULE {
        id: "select-in-sh",
        codes: &["SC3008"],
        summary: "`select`, which POSIX sh does not know",
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
    for site in &index.commands {
        if let CommandKind::For { select: true, .. } = &site.command.kind {
            report(cx, script, site.command.span, "POSIX sh has no `select`").done();
        }
    }
}
