//! `SC2155`.

use crate::lint::prelude::*;
use crate::lint::sh::{calls, report};
use crate::shell::{Index, PartKind, WordPart};

rule! {
    /// ## What it does
    /// Finds `export`, `local`, `readonly`, `declare` with the output of a command as the value.
    ///
    /// ## Why it matters
    /// The status is that of `export`, which is always 0: where the command fails, the build goes on.
    ///
    /// ## Example
    /// ```dockerfile
    /// RUN export VERSION="$(cat /version)" && ./build
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// RUN VERSION="$(cat /version)" && export VERSION && ./build
    /// ```
    RULE {
        id: "declare-and-assign",
        codes: &["SC2155"],
        summary: "`export` hides the exit status of a command",
        level: Level::Warning,
        group: Group::Shell,
        activation: Activation::Default,
        fixable: Fixable::Never,
        status: FIRST,
        check: Check::Tree(check),
    }
}

fn check(cx: &Context<'_>, script: &ScriptView<'_>, index: &Index<'_>) {
    for call in calls(index) {
        if !["export", "local", "readonly", "declare", "typeset"].contains(&call.name.as_ref()) {
            continue;
        }
        for word in call.args {
            let Some(assignment) = word.as_assignment() else { continue };
            if runs_command(&assignment.value.parts) {
                let name = &assignment.name.value;
                let message = format!("`{}` hides whether the command for `{name}` failed", call.name);
                report(cx, script, word.span, message).help("assign first, and export in a command of its own").done();
            }
        }
    }
}

fn runs_command(parts: &[WordPart]) -> bool {
    parts.iter().any(|part| match &part.kind {
        PartKind::CommandSubstitution { .. } => true,
        PartKind::DoubleQuoted { parts, .. } => runs_command(parts),
        _ => false,
    })
}
