//! `SC2207`.

use crate::lint::prelude::*;
use crate::lint::sh::report;
use crate::shell::{Index, PartKind, WordRole};

rule! {
    /// ## What it does
    /// Finds the output of a command without quotes between the parentheses of an array.
    ///
    /// ## Why it matters
    /// The shell splits the output at blanks, not only at lines, and looks for files.
    ///
    /// ## Example
    /// ```dockerfile
    /// SHELL ["/bin/bash", "-c"]
    /// RUN names=($(cat names)); make "${names[@]}"
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// SHELL ["/bin/bash", "-c"]
    /// RUN mapfile -t names < names; make "${names[@]}"
    /// ```
    RULE {
        id: "command-output-in-array",
        codes: &["SC2207"],
        summary: "the output of a command that is split into the elements of an array",
        level: Level::Warning,
        group: Group::Shell,
        activation: Activation::Default,
        fixable: Fixable::Never,
        status: FIRST,
        check: Check::Tree(check),
    }
}

fn check(cx: &Context<'_>, script: &ScriptView<'_>, index: &Index<'_>) {
    for site in &index.parts {
        let is_element =
            site.place.role == WordRole::ArrayElement && site.place.splits() && site.place.operand.is_none();
        if is_element && matches!(site.part.kind, PartKind::CommandSubstitution { .. }) {
            report(cx, script, site.part.span, "the output is split at blanks into elements").done();
        }
    }
}
