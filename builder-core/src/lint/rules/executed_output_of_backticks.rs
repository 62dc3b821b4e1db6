//! `SC2092`.

use crate::lint::prelude::*;
use crate::lint::sh::report;
use crate::shell::{Index, PartKind, WordPart};

rule! {
    /// ## What it does
    /// Finds a command in backticks as a command of its own.
    ///
    /// ## Why it matters
    /// What the command writes is run as a command.
    ///
    /// ## Example
    /// ```dockerfile
    /// RUN `make`
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// RUN make
    /// ```
    RULE {
        id: "executed-output-of-backticks",
        codes: &["SC2092"],
        summary: "the output of a command in backticks is run",
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
        let [word] = simple.words.as_slice() else { continue };
        let [WordPart { kind: PartKind::CommandSubstitution { backticks: true, .. }, span }] = word.parts.as_slice()
        else {
            continue;
        };
        if simple.assignments.is_empty() {
            report(cx, script, *span, "what this writes is run as a command").done();
        }
    }
}
