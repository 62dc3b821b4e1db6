//! `SC3001`.

use crate::lint::prelude::*;
use crate::lint::sh::report;
use crate::shell::{Index, PartKind};

rule! {
    /// ## What it does
    /// Finds process substitution in a script for `sh`.
    ///
    /// ## Why it matters
    /// Debian's `/bin/sh` and that of Alpine do not know it: the command fails, or does something else. It works in
    /// `bash` only.
    ///
    /// ## Example
    /// ```dockerfile
    /// RUN diff <(sort /a) <(sort /b)
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// RUN sort /a > /a.sorted && sort /b | diff /a.sorted -
    /// ```
    RULE {
        id: "process-substitution-in-sh",
        codes: &["SC3001"],
        summary: "process substitution, which POSIX sh does not know",
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
        if matches!(site.part.kind, PartKind::ProcessSubstitution { .. }) {
            report(cx, script, site.part.span, "POSIX sh has no process substitution").done();
        }
    }
}
