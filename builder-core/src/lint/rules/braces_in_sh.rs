//! `SC3009`.

use crate::lint::prelude::*;
use crate::lint::sh::report;
use crate::shell::{Index, PartKind};

rule! {
    /// ## What it does
    /// Finds brace expansion in a script for `sh`.
    ///
    /// ## Why it matters
    /// Debian's `/bin/sh` and that of Alpine do not know it: the command fails, or does something else. It works in
    /// `bash` only.
    ///
    /// ## Example
    /// ```dockerfile
    /// RUN mkdir -p /srv/{a,b}
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// RUN mkdir -p /srv/a /srv/b
    /// ```
    RULE {
        id: "braces-in-sh",
        codes: &["SC3009"],
        summary: "brace expansion, which POSIX sh does not know",
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
        if matches!(site.part.kind, PartKind::Braces(_)) {
            report(cx, script, site.part.span, "POSIX sh does not expand braces").done();
        }
    }
}
