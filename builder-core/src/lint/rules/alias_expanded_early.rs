//! `SC2139`.

use crate::lint::prelude::*;
use crate::lint::sh::{calls, report};
use crate::shell::{Index, PartKind, WordPart};

rule! {
    /// ## What it does
    /// Finds `alias name="…$value…"`.
    ///
    /// ## Why it matters
    /// The value is the one of now, not the one when the alias is used.
    ///
    /// ## Example
    /// ```dockerfile
    /// RUN alias go="cd $DIR"
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// RUN alias go='cd $DIR'
    /// ```
    RULE {
        id: "alias-expanded-early",
        codes: &["SC2139"],
        summary: "an alias is expanded where it is defined",
        level: Level::Warning,
        group: Group::Shell,
        activation: Activation::Default,
        fixable: Fixable::Never,
        status: FIRST,
        check: Check::Tree(check),
    }
}

fn check(cx: &Context<'_>, script: &ScriptView<'_>, index: &Index<'_>) {
    for call in calls(index).filter(|call| call.name == "alias") {
        for word in call.args {
            let Some(assignment) = word.as_assignment() else { continue };
            let first = assignment.value.parts.iter().flat_map(|part| match &part.kind {
                PartKind::DoubleQuoted { parts, .. } => parts.as_slice(),
                _ => std::slice::from_ref(part),
            });
            let is_expansion =
                |part: &&WordPart| matches!(part.kind, PartKind::Parameter(_) | PartKind::CommandSubstitution { .. });
            if let Some(part) = first.into_iter().find(is_expansion).map(|part| part.span) {
                report(cx, script, part, "this is expanded now, not when the alias is used").done();
            }
        }
    }
}
