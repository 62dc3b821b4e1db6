//! `SC3024`.

use crate::lint::prelude::*;
use crate::lint::sh::report;
use crate::shell::Index;

rule! {
    /// ## What it does
    /// Finds `+=` in a script for `sh`.
    ///
    /// ## Why it matters
    /// Debian's `/bin/sh` and that of Alpine do not know it: the command fails, or does something else. It works in
    /// `bash` only.
    ///
    /// ## Example
    /// ```dockerfile
    /// RUN FLAGS=-O2; FLAGS+=" -g"; make CFLAGS="$FLAGS"
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// RUN FLAGS=-O2; FLAGS="$FLAGS -g"; make CFLAGS="$FLAGS"
    /// ```
    RULE {
        id: "append-assignment-in-sh",
        codes: &["SC3024"],
        summary: "`+=`, which POSIX sh does not know",
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
    for assignment in index.simple().flat_map(|(simple, _)| &simple.assignments).filter(|known| known.append) {
        report(cx, script, assignment.span, "POSIX sh has no `+=`").done();
    }
}
