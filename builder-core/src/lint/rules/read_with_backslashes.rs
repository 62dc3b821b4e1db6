//! `SC2162`.

use crate::lint::prelude::*;
use crate::lint::sh::{calls, report};
use crate::shell::Index;

rule! {
    /// ## What it does
    /// Finds `read` without `-r`.
    ///
    /// ## Why it matters
    /// A backslash at the end of a line joins it with the next one, others are lost.
    ///
    /// ## Example
    /// ```dockerfile
    /// RUN while read name; do echo "$name"; done < /names
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// RUN while read -r name; do echo "$name"; done < /names
    /// ```
    ///
    /// ## Fix safety
    /// Unsafe: backslashes are kept afterwards.
    RULE {
        id: "read-with-backslashes",
        codes: &["SC2162"],
        summary: "`read` takes backslashes away",
        level: Level::Info,
        group: Group::Shell,
        activation: Activation::Default,
        fixable: Fixable::Always,
        status: FIRST,
        check: Check::Tree(check),
    }
}

fn check(cx: &Context<'_>, script: &ScriptView<'_>, index: &Index<'_>) {
    for call in calls(index).filter(|call| call.name == "read" && !call.has_flag(&["r"])) {
        let edit = Edit::insert(script.place(call.head.span).end, " -r");
        report(cx, script, call.span, "`read` takes backslashes away").fix(Fix::risky("add `-r`", vec![edit])).done();
    }
}
