//! `SC2268`.

use crate::lint::prelude::*;
use crate::lint::sh::{is_operator, leading, report};
use crate::shell::Index;

rule! {
    /// ## What it does
    /// Finds `[ x"$a" = x"b" ]`.
    ///
    /// ## Why it matters
    /// Shells of this century need no such help.
    ///
    /// ## Example
    /// ```dockerfile
    /// RUN [ "x$NAME" = "xapp" ]
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// RUN [ "$NAME" = "app" ]
    /// ```
    RULE {
        id: "letter-before-comparison",
        codes: &["SC2268"],
        summary: "a letter before both sides of a comparison",
        level: Level::Style,
        group: Group::Shell,
        activation: Activation::Default,
        fixable: Fixable::Never,
        status: FIRST,
        check: Check::Tree(check),
    }
}

fn check(cx: &Context<'_>, script: &ScriptView<'_>, index: &Index<'_>) {
    for test in crate::lint::sh::tests_and_calls(index) {
        for (left, operator, right) in test.comparisons() {
            if !is_operator(operator, &["=", "==", "!="]) {
                continue;
            }
            let (a, b) = (leading(left), leading(right));
            let first = a.chars().next().filter(|c| c.is_ascii_alphanumeric() || "_-.".contains(*c));
            if first.is_some_and(|c| "xX_".contains(c))
                && a.chars().next() == b.chars().next()
                && left.has_expansion() != right.has_expansion() | (left.has_expansion() && right.has_expansion())
            {
                report(cx, script, left.span, "the letter on both sides is not needed").done();
            }
        }
    }
}
