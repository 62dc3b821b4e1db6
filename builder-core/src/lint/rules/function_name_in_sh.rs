//! `SC3033`.

use crate::lint::prelude::*;
use crate::lint::sh::report;
use crate::shell::{CommandKind, Index};

rule! {
    /// ## What it does
    /// Finds an odd name of a function in a script for `sh`.
    ///
    /// ## Why it matters
    /// Debian's `/bin/sh` and that of Alpine do not know it: the command fails, or does something else. It works in
    /// `bash` only.
    ///
    /// ## Example
    /// ```dockerfile
    /// RUN do-it() { make; }; do-it
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// RUN do_it() { make; }; do_it
    /// ```
    RULE {
        id: "function-name-in-sh",
        codes: &["SC3033"],
        summary: "an odd name of a function, which POSIX sh does not know",
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
        let CommandKind::Function { name, .. } = &site.command.kind else { continue };
        let is_plain = |c: char| c == '_' || c.is_ascii_alphanumeric();
        if !name.value.chars().all(is_plain) || name.value.starts_with(|c: char| c.is_ascii_digit()) {
            report(cx, script, site.command.span, "POSIX sh has letters, digits and `_` in names of functions").done();
        }
    }
}
