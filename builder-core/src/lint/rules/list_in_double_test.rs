//! `SC2199`.

use crate::lint::prelude::*;
use crate::lint::sh::{lists_in_tests, report};
use crate::shell::Index;

rule! {
    /// ## What it does
    /// Finds a list, `$@` or `${name[@]}`, as an operand in `[[ ]]`.
    ///
    /// ## Why it matters
    /// A list is many words, or is joined to one without saying so: what is compared is not what it looks like.
    ///
    /// ## Example
    /// ```dockerfile
    /// SHELL ["/bin/bash", "-c"]
    /// RUN if [[ -n "$@" ]]; then make; fi
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// SHELL ["/bin/bash", "-c"]
    /// RUN if [[ -n "$*" ]]; then make; fi
    /// ```
    RULE {
        id: "list-in-double-test",
        codes: &["SC2199"],
        summary: "a list as an operand in `[[ ]]`",
        level: Level::Error,
        group: Group::Shell,
        activation: Activation::Default,
        fixable: Fixable::Never,
        status: FIRST,
        check: Check::Tree(check),
    }
}

fn check(cx: &Context<'_>, script: &ScriptView<'_>, index: &Index<'_>) {
    for span in lists_in_tests(index, true) {
        report(cx, script, span, "a list is no operand: write `*` for `@`, or look at each").done();
    }
}
