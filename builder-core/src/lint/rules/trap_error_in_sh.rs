//! `SC3047`.

use crate::lint::prelude::*;
use crate::lint::sh::{calls, is, report};
use crate::shell::Index;

rule! {
    /// ## What it does
    /// Finds `trap … ERR` in a script for `sh`.
    ///
    /// ## Why it matters
    /// Debian's `/bin/sh` and that of Alpine do not know it: the command fails, or does something else. It works in
    /// `bash` only.
    ///
    /// ## Example
    /// ```dockerfile
    /// RUN trap "echo failed" ERR; make
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// RUN make || echo failed
    /// ```
    RULE {
        id: "trap-error-in-sh",
        codes: &["SC3047"],
        summary: "`trap … ERR`, which POSIX sh does not know",
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
    for call in calls(index).filter(|call| call.name == "trap") {
        for word in call.args.iter().skip(1).filter(|word| ["ERR", "DEBUG", "RETURN"].iter().any(|name| is(word, name)))
        {
            report(cx, script, word.span, "POSIX sh has no such trap").done();
        }
    }
}
