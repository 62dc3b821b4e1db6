//! `SC2215`.

use crate::lint::prelude::*;
use crate::lint::sh::{leading, report};
use crate::shell::Index;

rule! {
    /// ## What it does
    /// Finds a command whose name begins with `-`.
    ///
    /// ## Why it matters
    /// A line break without a backslash, or a `;`, cut it off from its command.
    ///
    /// ## Example
    /// ```dockerfile
    /// RUN apt-get install curl; --yes
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// RUN apt-get install curl --yes
    /// ```
    RULE {
        id: "flag-as-command",
        codes: &["SC2215"],
        summary: "an option stands where a command should",
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
        if let Some(word) =
            simple.words.first().filter(|word| leading(word).starts_with('-') && leading(word).len() > 1)
        {
            report(cx, script, word.span, "an option stands where a command should").done();
        }
    }
}
