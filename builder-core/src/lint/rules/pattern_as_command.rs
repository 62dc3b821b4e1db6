//! `SC2211`.

use crate::lint::prelude::*;
use crate::lint::sh::{is, report};
use crate::shell::Index;

rule! {
    /// ## What it does
    /// Finds a command whose name is a pattern for file names.
    ///
    /// ## Why it matters
    /// What runs depends on which files there are.
    ///
    /// ## Example
    /// ```dockerfile
    /// RUN ./install-*.sh
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// RUN ./install-1.0.sh
    /// ```
    RULE {
        id: "pattern-as-command",
        codes: &["SC2211"],
        summary: "a command is named by a pattern",
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
        if let Some(word) = simple.words.first().filter(|word| word.has_glob() && !is(word, "[")) {
            report(cx, script, word.span, "which command runs depends on the files there").done();
        }
    }
}
