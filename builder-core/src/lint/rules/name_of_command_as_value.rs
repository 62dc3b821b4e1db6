//! `SC2209`.

use crate::lint::prelude::*;
use crate::lint::sh::report;
use crate::shell::{Index, PartKind, WordPart};

rule! {
    /// ## What it does
    /// Finds `name=command` with the name of a common command.
    ///
    /// ## Why it matters
    /// Where the output was meant, `$( … )` is missing.
    ///
    /// ## Example
    /// ```dockerfile
    /// RUN when=date && echo "$when" > /built
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// RUN when=$(date) && echo "$when" > /built
    /// ```
    RULE {
        id: "name-of-command-as-value",
        codes: &["SC2209"],
        summary: "a variable is given the name of a command",
        level: Level::Warning,
        group: Group::Shell,
        activation: Activation::Default,
        fixable: Fixable::Never,
        status: FIRST,
        check: Check::Tree(check),
    }
}

fn check(cx: &Context<'_>, script: &ScriptView<'_>, index: &Index<'_>) {
    for (simple, _) in index.simple() {
        for assignment in &simple.assignments {
            let [WordPart { kind: PartKind::Literal(text), .. }] = assignment.value.parts.as_slice() else { continue };
            if crate::lint::names::is_common_command(text) && !text.is_empty() {
                let message = format!("`{}` is given the name of a command, not its output", assignment.name.value);
                report(cx, script, assignment.span, message)
                    .help("put quotes around it where the name is meant")
                    .done();
            }
        }
    }
}
