//! `SC3006`.

use crate::lint::prelude::*;
use crate::lint::sh::report;
use crate::shell::{CommandKind, Index};

rule! {
    /// ## What it does
    /// Finds `((…))` in a script for `sh`.
    ///
    /// ## Why it matters
    /// Debian's `/bin/sh` and that of Alpine do not know it: the command fails, or does something else. It works in
    /// `bash` only.
    ///
    /// ## Example
    /// ```dockerfile
    /// RUN n=1; ((n == 1)) && make
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// RUN n=1; [ "$n" -eq 1 ] && make
    /// ```
    RULE {
        id: "arithmetic-command-in-sh",
        codes: &["SC3006"],
        summary: "`((…))`, which POSIX sh does not know",
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
        if let CommandKind::Arithmetic(_) = &site.command.kind {
            report(cx, script, site.command.span, "POSIX sh has no `((…))`").done();
        }
    }
}
