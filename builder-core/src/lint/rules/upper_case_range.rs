//! `SC2019`.

use crate::lint::prelude::*;
use crate::lint::sh::{calls, is, report};
use crate::shell::Index;

rule! {
    /// ## What it does
    /// Finds `tr A-Z`.
    ///
    /// ## Why it matters
    /// Letters with accents are none of them.
    ///
    /// ## Example
    /// ```dockerfile
    /// RUN echo Name | tr A-Z a-z > /name
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// RUN echo Name | tr '[:upper:]' '[:lower:]' > /name
    /// ```
    RULE {
        id: "upper-case-range",
        codes: &["SC2019"],
        summary: "`A-Z` are not all capital letters",
        level: Level::Info,
        group: Group::Shell,
        activation: Activation::Default,
        fixable: Fixable::Never,
        status: FIRST,
        check: Check::Tree(check),
    }
}

fn check(cx: &Context<'_>, script: &ScriptView<'_>, index: &Index<'_>) {
    for call in calls(index).filter(|call| call.base() == "tr") {
        for word in call.operands().filter(|word| is(word, "A-Z")) {
            report(cx, script, word.span, "letters with accents are not in `A-Z`").help("write `'[:upper:]'`").done();
        }
    }
}
