//! `SC2021`.

use crate::lint::prelude::*;
use crate::lint::sh::{calls, report};
use crate::shell::Index;

rule! {
    /// ## What it does
    /// Finds a range in square brackets in the arguments of `tr`.
    ///
    /// ## Why it matters
    /// `tr` takes characters, not patterns: the brackets are translated like other characters.
    ///
    /// ## Example
    /// ```dockerfile
    /// RUN tr '[a-z]' '[A-Z]' < names > upper
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// RUN tr '[:lower:]' '[:upper:]' < names > upper
    /// ```
    RULE {
        id: "bracketed-range",
        codes: &["SC2021"],
        summary: "brackets around the characters of `tr`",
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
        for word in call.operands() {
            let text = word.literal().unwrap_or_default();
            if text.len() > 2 && text.starts_with('[') && text.ends_with(']') && !text.contains(':') {
                report(cx, script, word.span, "the brackets are characters like others").help("leave them out").done();
            }
        }
    }
}
