//! `SC2045`.

use crate::lint::prelude::*;
use crate::lint::sh::report;
use crate::shell::Index;

rule! {
    /// ## What it does
    /// Finds `for` over `$(ls …)`.
    ///
    /// ## Why it matters
    /// Names with blanks become several words. A pattern gives the names as they are.
    ///
    /// ## Example
    /// ```dockerfile
    /// RUN for file in $(ls /srv); do cat "$file"; done
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// RUN for file in /srv/*; do cat "$file"; done
    /// ```
    RULE {
        id: "loop-over-ls",
        codes: &["SC2045"],
        summary: "a loop over the output of `ls`",
        level: Level::Error,
        group: Group::Shell,
        activation: Activation::Default,
        fixable: Fixable::Never,
        status: FIRST,
        check: Check::Tree(check),
    }
}

fn check(cx: &Context<'_>, script: &ScriptView<'_>, index: &Index<'_>) {
    for (word, call) in crate::lint::sh::loops_over(index) {
        if call.base() == "ls" {
            report(cx, script, word.span, "the output of `ls` is taken apart at blanks").help("use a pattern").done();
        }
    }
}
