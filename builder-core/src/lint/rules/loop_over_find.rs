//! `SC2044`.

use crate::lint::prelude::*;
use crate::lint::sh::report;
use crate::shell::Index;

rule! {
    /// ## What it does
    /// Finds `for` over `$(find …)`.
    ///
    /// ## Why it matters
    /// Names with blanks become several words.
    ///
    /// ## Example
    /// ```dockerfile
    /// RUN for file in $(find /srv -name core); do rm "$file"; done
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// RUN find /srv -name core -exec rm {} +
    /// ```
    RULE {
        id: "loop-over-find",
        codes: &["SC2044"],
        summary: "a loop over the output of `find`",
        level: Level::Warning,
        group: Group::Shell,
        activation: Activation::Default,
        fixable: Fixable::Never,
        status: FIRST,
        check: Check::Tree(check),
    }
}

fn check(cx: &Context<'_>, script: &ScriptView<'_>, index: &Index<'_>) {
    for (word, call) in crate::lint::sh::loops_over(index) {
        if call.base() == "find" {
            report(cx, script, word.span, "the output of `find` is taken apart at blanks")
                .help("use `find -exec`")
                .done();
        }
    }
}
