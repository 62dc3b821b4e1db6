//! `SC3038`.

use crate::lint::prelude::*;
use crate::lint::sh::{is, leading, report};
use crate::shell::Index;

rule! {
    /// ## What it does
    /// Finds flags of `exec` in a script for `sh`.
    ///
    /// ## Why it matters
    /// Debian's `/bin/sh` and that of Alpine do not know it: the command fails, or does something else. It works in
    /// `bash` only.
    ///
    /// ## Example
    /// ```dockerfile
    /// RUN exec -a app make
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// RUN exec make
    /// ```
    RULE {
        id: "exec-flags-in-sh",
        codes: &["SC3038"],
        summary: "flags of `exec`, which POSIX sh does not know",
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
    for (simple, _) in index.simple() {
        let [name, flag, ..] = simple.words.as_slice() else { continue };
        if is(name, "exec") && leading(flag).starts_with('-') && !is(flag, "--") {
            report(cx, script, flag.span, "`exec` of POSIX sh knows no flags").done();
        }
    }
}
