//! `SC2181`.

use crate::lint::prelude::*;
use crate::lint::sh::{is, is_operator, report, tests};
use crate::shell::{Index, PartKind, Word};

rule! {
    /// ## What it does
    /// Finds `[ $? -eq 0 ]` and the like.
    ///
    /// ## Why it matters
    /// `if command` says the same, and nothing can come in between.
    ///
    /// ## Example
    /// ```dockerfile
    /// RUN make; if [ $? -ne 0 ]; then echo failed; fi
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// RUN if ! make; then echo failed; fi
    /// ```
    RULE {
        id: "status-compared",
        codes: &["SC2181"],
        summary: "`$?` is compared rather than the command looked at",
        level: Level::Style,
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
            let is_zero = |word: &Word| is(word, "0");
            let known = is_operator(operator, &["-eq", "-ne", "=", "==", "!=", "-gt"]);
            let is_other = is_status(left) && is_zero(right) || is_zero(left) && is_status(right);
            if known && is_other {
                let span = if is_status(left) { left.span } else { right.span };
                report(cx, script, span, "the command itself can be the condition").done();
            }
        }
    }
}

fn is_status(word: &Word) -> bool {
    let Some(PartKind::Parameter(parameter)) = word.only_part().map(|part| &part.kind) else { return false };
    parameter.name == "?"
}
