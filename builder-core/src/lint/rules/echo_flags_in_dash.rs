//! `SC3036`.

use crate::lint::model::Grammar;
use crate::lint::prelude::*;
use crate::lint::sh::{calls, leading, report};
use crate::shell::Index;

rule! {
    /// ## What it does
    /// Finds flags of `echo` other than `-n` in a script for `sh`.
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
        id: "echo-flags-in-dash",
        codes: &["SC3036"],
        summary: "flags of `echo` other than `-n`, which POSIX sh does not know",
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
    for call in calls(index).filter(|call| call.base() == "echo" && script.grammar == Grammar::Dash) {
        let Some(word) = call.args.first() else { continue };
        let text = leading(word);
        if text.len() > 1 && text.starts_with('-') && text != "-n" && text[1..].chars().all(|c| "eEn".contains(c)) {
            report(cx, script, word.span, "dash knows no flag of `echo` but `-n`").help("use `printf`").done();
        }
    }
}
