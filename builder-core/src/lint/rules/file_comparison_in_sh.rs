//! `SC3013`.

use crate::lint::model::Grammar;
use crate::lint::prelude::*;
use crate::lint::sh::{is_operator, report, tests};
use crate::shell::Index;

rule! {
    /// ## What it does
    /// Finds `-nt`, `-ot` and `-ef` in a script for `sh`.
    ///
    /// ## Why it matters
    /// Debian's `/bin/sh` and that of Alpine do not know it: the command fails, or does something else. It works in
    /// `bash` only.
    ///
    /// ## Example
    /// ```dockerfile
    /// RUN [ /a -nt /b ] && make
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// RUN [ -n "$(find /a -newer /b)" ] && make
    /// ```
    RULE {
        id: "file-comparison-in-sh",
        codes: &["SC3013"],
        summary: "`-nt`, `-ot` and `-ef`, which POSIX sh does not know",
        level: Level::Warning,
        group: Group::Shell,
        activation: Activation::Default,
        fixable: Fixable::Never,
        status: FIRST,
        check: Check::Tree(check),
    }
}

fn check(cx: &Context<'_>, script: &ScriptView<'_>, index: &Index<'_>) {
    if script.grammar != Grammar::Posix {
        return;
    }
    for test in tests(index).filter(|test| !test.is_double) {
        for (_, operator, _) in test.comparisons() {
            if is_operator(operator, &["-nt", "-ot", "-ef"]) {
                report(cx, script, operator.span, "POSIX sh cannot compare files").done();
            }
        }
    }
}
