//! `SC2062`.

use crate::lint::prelude::*;
use crate::lint::sh::{calls, report};
use crate::shell::Index;

rule! {
    /// ## What it does
    /// Finds an expression of `grep` outside of quotes that is a pattern for file names as well.
    ///
    /// ## Why it matters
    /// Where a file in the current folder fits, the shell puts its name there.
    ///
    /// ## Example
    /// ```dockerfile
    /// RUN grep [a-z]* /etc/app.conf
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// RUN grep '[a-z]*' /etc/app.conf
    /// ```
    RULE {
        id: "unquoted-grep-pattern",
        codes: &["SC2062"],
        summary: "the shell takes the expression of `grep`",
        level: Level::Warning,
        group: Group::Shell,
        activation: Activation::Default,
        fixable: Fixable::Never,
        status: FIRST,
        check: Check::Tree(check),
    }
}

fn check(cx: &Context<'_>, script: &ScriptView<'_>, index: &Index<'_>) {
    for call in calls(index).filter(|call| call.base() == "grep") {
        let is_given = call.has_flag(&["e", "f", "regexp", "file"]);
        if let Some(word) = call.operands().next().filter(|word| word.has_glob() && !is_given) {
            report(cx, script, word.span, "the shell may take this expression before `grep` does").done();
        }
    }
}
