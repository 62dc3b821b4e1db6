//! `SC3026`.

use crate::lint::prelude::*;
use crate::lint::sh::report;
use crate::shell::{Index, PartKind};

rule! {
    /// ## What it does
    /// Finds `[^…]` in a pattern in a script for `sh`.
    ///
    /// ## Why it matters
    /// Debian's `/bin/sh` and that of Alpine do not know it: the command fails, or does something else. It works in
    /// `bash` only.
    ///
    /// ## Example
    /// ```dockerfile
    /// RUN rm -f /srv/[^a]*
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// RUN rm -f /srv/[!a]*
    /// ```
    RULE {
        id: "caret-in-pattern-in-sh",
        codes: &["SC3026"],
        summary: "`[^…]` in a pattern, which POSIX sh does not know",
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
        if matches!(&site.part.kind, PartKind::Glob(text) if text.starts_with("[^")) {
            report(cx, script, site.part.span, "POSIX sh has `[!…]` here").done();
        }
    }
}
