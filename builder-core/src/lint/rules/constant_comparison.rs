//! `SC2050`.

use crate::lint::prelude::*;
use crate::lint::sh::{is_operator, report, tests};
use crate::shell::Index;

rule! {
    /// ## What it does
    /// Finds a comparison with no variable in it.
    ///
    /// ## Why it matters
    /// Its outcome is always the same: a `$` is missing.
    ///
    /// ## Example
    /// ```dockerfile
    /// RUN if [ NAME = app ]; then echo app; fi
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// RUN if [ "$NAME" = app ]; then echo app; fi
    /// ```
    RULE {
        id: "constant-comparison",
        codes: &["SC2050"],
        summary: "a comparison of two constants",
        level: Level::Warning,
        group: Group::Shell,
        activation: Activation::Default,
        fixable: Fixable::Never,
        status: FIRST,
        check: Check::Tree(check),
    }
}

fn check(cx: &Context<'_>, script: &ScriptView<'_>, index: &Index<'_>) {
    for test in tests(index) {
        for (left, operator, right) in test.comparisons() {
            let is_file = is_operator(operator, &["-nt", "-ot", "-ef"]);
            if !is_file && left.literal().is_some() && right.literal().is_some() {
                report(cx, script, operator.span, "this comparison always has the same outcome").done();
            }
        }
    }
}
