//! `SC2063`.

use crate::lint::prelude::*;
use crate::lint::sh::{calls, report};
use crate::shell::Index;

rule! {
    /// ## What it does
    /// Finds an expression of `grep` that begins with `*`.
    ///
    /// ## Why it matters
    /// `grep` takes regular expressions, where `*` repeats what stands before it.
    ///
    /// ## Example
    /// ```dockerfile
    /// RUN grep '*.log' /etc/logs
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// RUN grep '\.log$' /etc/logs
    /// ```
    RULE {
        id: "pattern-for-grep",
        codes: &["SC2063"],
        summary: "`grep` is given a pattern for file names",
        level: Level::Warning,
        group: Group::Shell,
        activation: Activation::Default,
        fixable: Fixable::Never,
        status: FIRST,
        check: Check::Tree(check),
    }
}

fn check(cx: &Context<'_>, script: &ScriptView<'_>, index: &Index<'_>) {
    for call in calls(index).filter(|call| call.base() == "grep" && !call.has_flag(&["F", "fixed-strings"])) {
        let Some(word) = call.operands().next() else { continue };
        if word.has_expansion() {
            continue;
        }
        let text = word.unquoted(script.text.as_str());
        let mut chars = text.chars();
        let is_short = text.len() == 2 && text.ends_with('*') && !chars.next().is_some_and(|c| c == '\\' || c == '.');
        if text.starts_with('*') && text.len() > 1 || is_short {
            report(cx, script, word.span, "`grep` takes regular expressions, no patterns for file names").done();
        }
    }
}
