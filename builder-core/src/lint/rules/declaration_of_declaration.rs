//! `SC2316`.

use crate::lint::prelude::*;
use crate::lint::sh::{calls, is, report};
use crate::shell::Index;

rule! {
    /// ## What it does
    /// Finds `export a= export b=`.
    ///
    /// ## Why it matters
    /// A `&&` is missing between the commands.
    ///
    /// ## Example
    /// ```dockerfile
    /// RUN export A=1 export B=2
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// RUN export A=1 B=2
    /// ```
    RULE {
        id: "declaration-of-declaration",
        codes: &["SC2316"],
        summary: "`export` is told to export `export`",
        level: Level::Error,
        group: Group::Shell,
        activation: Activation::Default,
        fixable: Fixable::Never,
        status: FIRST,
        check: Check::Tree(check),
    }
}

fn check(cx: &Context<'_>, script: &ScriptView<'_>, index: &Index<'_>) {
    let commands = ["export", "local", "declare", "readonly", "typeset"];
    for call in calls(index).filter(|call| commands.contains(&call.name.as_ref())) {
        for word in call.args.iter().filter(|word| commands.iter().any(|name| is(word, name))) {
            report(cx, script, word.span, "this is a name here, not a command").help("put `&&` before it").done();
        }
    }
}
