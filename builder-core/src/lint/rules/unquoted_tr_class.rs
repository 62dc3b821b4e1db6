//! `SC2060`.

use crate::lint::prelude::*;
use crate::lint::sh::{calls, report};
use crate::shell::Index;

rule! {
    /// ## What it does
    /// Finds `tr` with `[…]` outside of quotes.
    ///
    /// ## Why it matters
    /// Where a file in the current folder fits, the shell puts its name there.
    ///
    /// ## Example
    /// ```dockerfile
    /// RUN echo Name | tr -d [:space:] > /name
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// RUN echo Name | tr -d '[:space:]' > /name
    /// ```
    RULE {
        id: "unquoted-tr-class",
        codes: &["SC2060"],
        summary: "the shell takes the argument of `tr` for a pattern",
        level: Level::Warning,
        group: Group::Shell,
        activation: Activation::Default,
        fixable: Fixable::Never,
        status: FIRST,
        check: Check::Tree(check),
    }
}

fn check(cx: &Context<'_>, script: &ScriptView<'_>, index: &Index<'_>) {
    for call in calls(index).filter(|call| call.base() == "tr") {
        for word in call.operands().filter(|word| word.has_glob()) {
            report(cx, script, word.span, "the shell may take this before `tr` does")
                .help("put quotes around it")
                .done();
        }
    }
}
