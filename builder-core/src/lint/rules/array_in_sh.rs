//! `SC3030`.

use crate::lint::prelude::*;
use crate::lint::sh::report;
use crate::shell::{Index, PartKind};

rule! {
    /// ## What it does
    /// Finds an array in a script for `sh`.
    ///
    /// ## Why it matters
    /// Debian's `/bin/sh` and that of Alpine do not know it: the command fails, or does something else. It works in
    /// `bash` only.
    ///
    /// ## Example
    /// ```dockerfile
    /// RUN names=(a b); echo done
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// RUN names="a b"; echo done
    /// ```
    RULE {
        id: "array-in-sh",
        codes: &["SC3030"],
        summary: "an array, which POSIX sh does not know",
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
    for site in index.parts.iter().filter(|site| matches!(site.part.kind, PartKind::Array(_))) {
        report(cx, script, site.part.span, "POSIX sh has no arrays").done();
    }
}
