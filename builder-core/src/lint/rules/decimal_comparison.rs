//! `SC2072`.

use crate::lint::prelude::*;
use crate::lint::sh::{is_operator, report, tests};
use crate::shell::{Index, Word};

rule! {
    /// ## What it does
    /// Finds `[ … -gt 1.5 ]`.
    ///
    /// ## Why it matters
    /// Shells compare whole numbers only.
    ///
    /// ## Example
    /// ```dockerfile
    /// RUN if [ "$VERSION" -gt 1.5 ]; then make; fi
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// RUN if [ "$VERSION" -gt 1 ]; then make; fi
    /// ```
    RULE {
        id: "decimal-comparison",
        codes: &["SC2072"],
        summary: "a comparison with a decimal fraction",
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
        for (left, operator, right) in test.comparisons() {
            let is_fraction = |word: &Word| {
                word.literal().is_some_and(|text| {
                    text.split_once('.').is_some_and(|(whole, part)| {
                        !part.is_empty() && whole.chars().chain(part.chars()).all(|c| c.is_ascii_digit())
                    })
                })
            };
            if is_operator(operator, &["-eq", "-ne", "-lt", "-le", "-gt", "-ge"]) {
                for word in [left, right].into_iter().filter(|word| is_fraction(word)) {
                    report(cx, script, word.span, "shells compare whole numbers only").done();
                }
            }
        }
    }
}
