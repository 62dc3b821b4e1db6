//! `SC2194`.

use crate::lint::prelude::*;
use crate::lint::sh::report;
use crate::shell::{CommandKind, Index};

rule! {
    /// ## What it does
    /// Finds `case` with a constant word.
    ///
    /// ## Why it matters
    /// Its outcome is always the same: a `$` is missing.
    ///
    /// ## Example
    /// ```dockerfile
    /// RUN case arch in arm64) make arm;; esac
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// RUN case "$arch" in arm64) make arm;; esac
    /// ```
    RULE {
        id: "constant-case",
        codes: &["SC2194"],
        summary: "`case` looks at a constant",
        level: Level::Warning,
        group: Group::Shell,
        activation: Activation::Default,
        fixable: Fixable::Never,
        status: FIRST,
        check: Check::Tree(check),
    }
}

fn check(cx: &Context<'_>, script: &ScriptView<'_>, index: &Index<'_>) {
    for site in &index.commands {
        let CommandKind::Case { word, .. } = &site.command.kind else { continue };
        if word.literal().is_some() {
            report(cx, script, word.span, "this word is a constant").done();
        }
    }
}
