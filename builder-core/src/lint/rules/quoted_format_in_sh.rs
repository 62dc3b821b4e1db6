//! `SC3050`.

use crate::lint::prelude::*;
use crate::lint::sh::{bare_text, calls, report};
use crate::shell::Index;

rule! {
    /// ## What it does
    /// Finds `printf %q` in a script for `sh`.
    ///
    /// ## Why it matters
    /// Debian's `/bin/sh` and that of Alpine do not know it: the command fails, or does something else. It works in
    /// `bash` only.
    ///
    /// ## Example
    /// ```dockerfile
    /// RUN printf "%q" "$NAME" > /name
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// RUN printf "%s" "$NAME" > /name
    /// ```
    RULE {
        id: "quoted-format-in-sh",
        codes: &["SC3050"],
        summary: "`printf %q`, which POSIX sh does not know",
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
    for call in calls(index).filter(|call| call.name == "printf") {
        if let Some(word) = call.args.first().filter(|word| bare_text(&word.parts).contains("%q")) {
            report(cx, script, word.span, "POSIX sh has no `%q`").done();
        }
    }
}
