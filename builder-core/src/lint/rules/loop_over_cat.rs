//! `SC2013`.

use crate::lint::prelude::*;
use crate::lint::sh::report;
use crate::shell::Index;

rule! {
    /// ## What it does
    /// Finds `for` over `$(cat …)` or `$(grep …)`.
    ///
    /// ## Why it matters
    /// It goes through words, not through lines.
    ///
    /// ## Example
    /// ```dockerfile
    /// RUN for package in $(cat /packages); do ./install "$package"; done
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// RUN while read -r package; do ./install "$package"; done < /packages
    /// ```
    RULE {
        id: "loop-over-cat",
        codes: &["SC2013"],
        summary: "a loop over the words of a file",
        level: Level::Info,
        group: Group::Shell,
        activation: Activation::Default,
        fixable: Fixable::Never,
        status: FIRST,
        check: Check::Tree(check),
    }
}

fn check(cx: &Context<'_>, script: &ScriptView<'_>, index: &Index<'_>) {
    for (word, call) in crate::lint::sh::loops_over(index) {
        if ["cat", "grep", "fgrep", "egrep", "sed", "awk", "cut", "sort"].contains(&call.base()) {
            report(cx, script, word.span, "this goes through words, not through lines").help("use `while read`").done();
        }
    }
}
