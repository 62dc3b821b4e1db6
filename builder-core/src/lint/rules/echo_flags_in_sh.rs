//! `SC3037`.

use crate::lint::model::Grammar;
use crate::lint::prelude::*;
use crate::lint::sh::{calls, leading, report};
use crate::shell::Index;

rule! {
    /// ## What it does
    /// Finds flags of `echo` in a script for `sh`.
    ///
    /// ## Why it matters
    /// Debian's `/bin/sh` and that of Alpine do not know it: the command fails, or does something else. It works in
    /// `bash` only.
    ///
    /// ## Example
    /// ```dockerfile
    /// RUN echo -e "a\nb" > /list
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// RUN printf 'a\nb\n' > /list
    /// ```
    RULE {
        id: "echo-flags-in-sh",
        codes: &["SC3037"],
        summary: "flags of `echo`, which POSIX sh does not know",
        level: Level::Warning,
        group: Group::Shell,
        activation: Activation::Default,
        fixable: Fixable::Never,
        status: FIRST,
        check: Check::Tree(check),
    }
}

fn check(cx: &Context<'_>, script: &ScriptView<'_>, index: &Index<'_>) {
    if !script.grammar.is_narrow() {
        return;
    }
    for call in calls(index).filter(|call| call.base() == "echo") {
        let Some(word) = call.args.first().filter(|word| is_flag(&leading(word))) else { continue };
        if script.grammar == Grammar::Posix {
            report(cx, script, word.span, "POSIX sh writes the flags of `echo` like any text")
                .help("use `printf`")
                .done();
        }
    }
}

fn is_flag(text: &str) -> bool {
    let letters = text.strip_prefix('-').unwrap_or_default();
    !letters.is_empty() && letters.chars().all(|c| "eEn".contains(c))
}
