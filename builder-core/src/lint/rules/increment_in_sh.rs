//! `SC3018`.

use crate::lint::prelude::*;
use crate::lint::sh::report;
use crate::shell::{Index, PartKind};

rule! {
    /// ## What it does
    /// Finds `++` and `--` in a script for `sh`.
    ///
    /// ## Why it matters
    /// Debian's `/bin/sh` and that of Alpine do not know it: the command fails, or does something else. It works in
    /// `bash` only.
    ///
    /// ## Example
    /// ```dockerfile
    /// RUN n=1; echo "$((n++))"
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// RUN n=1; echo "$n"; n=$((n + 1))
    /// ```
    RULE {
        id: "increment-in-sh",
        codes: &["SC3018"],
        summary: "`++` and `--`, which POSIX sh does not know",
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
    for site in index.parts.iter().filter(|site| site.place.arithmetic) {
        let PartKind::Literal(text) = &site.part.kind else { continue };
        let at = [text.find("++"), text.find("--")].into_iter().flatten().min();
        if let Some(at) = at {
            let start = site.part.span.start + u32::try_from(at).unwrap_or(0);
            report(cx, script, Span::new(start, start + 2), "POSIX sh has neither `++` nor `--`").done();
        }
    }
}
