//! `SC2121`.

use crate::lint::prelude::*;
use crate::lint::sh::{calls, report};
use crate::shell::Index;

rule! {
    /// ## What it does
    /// Finds `set name=value`.
    ///
    /// ## Why it matters
    /// It sets the arguments of the shell.
    ///
    /// ## Example
    /// ```dockerfile
    /// RUN set version=1
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// RUN version=1 && echo "$version"
    /// ```
    RULE {
        id: "set-as-assignment",
        codes: &["SC2121"],
        summary: "`set` does not assign",
        level: Level::Warning,
        group: Group::Shell,
        activation: Activation::Default,
        fixable: Fixable::Never,
        status: FIRST,
        check: Check::Tree(check),
    }
}

fn check(cx: &Context<'_>, script: &ScriptView<'_>, index: &Index<'_>) {
    for call in calls(index).filter(|call| call.name == "set") {
        if let Some(word) = call.args.first().filter(|word| word.as_assignment().is_some()) {
            report(cx, script, word.span, "`set` sets arguments, not variables").help("leave `set` out").done();
        }
    }
}
