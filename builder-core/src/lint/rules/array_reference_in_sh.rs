//! `SC3054`.

use crate::lint::prelude::*;
use crate::lint::sh::report;
use crate::shell::Index;

rule! {
    /// ## What it does
    /// Finds a reference to an array in a script for `sh`.
    ///
    /// ## Why it matters
    /// Debian's `/bin/sh` and that of Alpine do not know it: the command fails, or does something else. It works in
    /// `bash` only.
    ///
    /// ## Example
    /// ```dockerfile
    /// RUN echo "${names[0]}"
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// RUN echo "$name"
    /// ```
    RULE {
        id: "array-reference-in-sh",
        codes: &["SC3054"],
        summary: "a reference to an array, which POSIX sh does not know",
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
    for (parameter, site) in index.parameters() {
        if parameter.index.is_some() && !parameter.indirect {
            report(cx, script, site.part.span, "POSIX sh has no arrays").done();
        }
    }
}
