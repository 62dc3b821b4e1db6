//! `SC3007`.

use crate::lint::prelude::*;
use crate::lint::sh::report;
use crate::shell::{Index, PartKind};

rule! {
    /// ## What it does
    /// Finds `$[…]` in a script for `sh`.
    ///
    /// ## Why it matters
    /// Debian's `/bin/sh` and that of Alpine do not know it: the command fails, or does something else. It works in
    /// `bash` only.
    ///
    /// ## Example
    /// ```dockerfile
    /// RUN echo "$[1 + 1]"
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// RUN echo "$((1 + 1))"
    /// ```
    RULE {
        id: "old-arithmetic-in-sh",
        codes: &["SC3007"],
        summary: "`$[…]`, which POSIX sh does not know",
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
    for site in &index.parts {
        if matches!(site.part.kind, PartKind::Arithmetic { brackets: true, .. }) {
            report(cx, script, site.part.span, "POSIX sh has no `$[…]`").done();
        }
    }
}
