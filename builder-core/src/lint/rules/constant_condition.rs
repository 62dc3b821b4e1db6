//! `SC2078`.

use crate::lint::prelude::*;
use crate::lint::sh::{is_operator, report, tests};
use crate::shell::Index;

rule! {
    /// ## What it does
    /// Finds `[ word ]`.
    ///
    /// ## Why it matters
    /// It is always true: a `$` is missing.
    ///
    /// ## Example
    /// ```dockerfile
    /// RUN if [ NAME ]; then echo app; fi
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// RUN if [ -n "$NAME" ]; then echo app; fi
    /// ```
    RULE {
        id: "constant-condition",
        codes: &["SC2078"],
        summary: "a condition that is a constant",
        level: Level::Error,
        group: Group::Shell,
        activation: Activation::Default,
        fixable: Fixable::Never,
        status: FIRST,
        check: Check::Tree(check),
    }
}

fn check(cx: &Context<'_>, script: &ScriptView<'_>, index: &Index<'_>) {
    for test in tests(index) {
        for (at, word) in test.words.iter().enumerate() {
            let joins = ["-a", "-o", "&&", "||", "!", "(", ")"];
            let begins = at == 0 || is_operator(&test.words[at - 1], &joins);
            let ends = at + 1 == test.words.len() || is_operator(&test.words[at + 1], &joins[..4]);
            let is_operand = !is_operator(word, &joins) && word.literal().is_some_and(|text| !text.is_empty());
            if begins && ends && is_operand {
                report(cx, script, word.span, "this condition is always true").done();
            }
        }
    }
}
