//! `SC2288`.

use crate::lint::prelude::*;
use crate::lint::sh::report;
use crate::shell::Index;

rule! {
    /// ## What it does
    /// Finds a command whose name ends in a comma, a quote or a parenthesis.
    ///
    /// ## Why it matters
    /// It is mostly text that got loose from its quotes.
    ///
    /// ## Example
    /// ```dockerfile
    /// RUN build, test
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// RUN build && test
    /// ```
    RULE {
        id: "comma-in-command",
        codes: &["SC2288"],
        summary: "the name of a command ends in punctuation",
        level: Level::Warning,
        group: Group::Shell,
        activation: Activation::Default,
        fixable: Fixable::Never,
        status: FIRST,
        check: Check::Tree(check),
    }
}

fn check(cx: &Context<'_>, script: &ScriptView<'_>, index: &Index<'_>) {
    for (simple, _) in index.simple() {
        let Some(name) = simple.words.first() else { continue };
        let Some(text) = name.literal() else { continue };
        let is_odd =
            text.len() > 1 && text.ends_with([',', '\'', '"', ')', ']', '}', '.', '%', '#', ' ']) && text != "..";
        if is_odd {
            report(cx, script, name.span, format!("`{text}` is an odd name for a command")).done();
        }
    }
}
