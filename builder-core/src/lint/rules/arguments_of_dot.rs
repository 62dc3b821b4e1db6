//! `SC2240`.

use crate::lint::prelude::*;
use crate::lint::sh::{calls, report};
use crate::shell::Index;

rule! {
    /// ## What it does
    /// Finds `. file` with arguments.
    ///
    /// ## Why it matters
    /// `dash` ignores them.
    ///
    /// ## Example
    /// ```dockerfile
    /// RUN . ./env.sh production
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// RUN set -- production && . ./env.sh
    /// ```
    RULE {
        id: "arguments-of-dot",
        codes: &["SC2240"],
        summary: "`.` takes no arguments in POSIX",
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
    for call in calls(index).filter(|call| call.name == ".") {
        if let Some(word) = call.args.get(1) {
            report(cx, script, word.span, "`.` ignores its arguments in POSIX shells").done();
        }
    }
}
