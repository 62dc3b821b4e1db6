//! `SC2005`.

use crate::lint::prelude::*;
use crate::lint::sh::{calls, report};
use crate::shell::{Index, PartKind, WordPart};

rule! {
    /// ## What it does
    /// Finds `echo $(command)`.
    ///
    /// ## Why it matters
    /// The command writes its output itself; `echo` changes blanks in it and hides that it failed.
    ///
    /// ## Example
    /// ```dockerfile
    /// RUN echo "$(date)" > /built
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// RUN date > /built
    /// ```
    RULE {
        id: "useless-echo",
        codes: &["SC2005"],
        summary: "`echo` of the output of a command",
        level: Level::Style,
        group: Group::Shell,
        activation: Activation::Default,
        fixable: Fixable::Never,
        status: FIRST,
        check: Check::Tree(check),
    }
}

fn check(cx: &Context<'_>, script: &ScriptView<'_>, index: &Index<'_>) {
    for call in calls(index).filter(|call| call.name == "echo") {
        let [word] = call.args else { continue };
        let Some(WordPart { kind: PartKind::CommandSubstitution { body, .. }, .. }) = word.only_part() else {
            continue;
        };
        if !body.items.is_empty() {
            report(cx, script, word.span, "the command writes its output itself").done();
        }
    }
}
