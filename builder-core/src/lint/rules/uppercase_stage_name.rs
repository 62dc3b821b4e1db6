//! `StageNameCasing`.

use crate::lint::prelude::*;

rule! {
    /// ## What it does
    /// Finds stage names with capital letters.
    ///
    /// ## Why it matters
    /// Stage names are compared without regard to case, and shown in small letters: two spellings of one name look
    /// like two stages.
    ///
    /// ## Example
    /// ```dockerfile
    /// FROM debian:12 AS Build
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// FROM debian:12 AS build
    /// ```
    ///
    /// ## Fix safety
    /// Safe: names of stages have no case.
    RULE {
        id: "uppercase-stage-name",
        codes: &["StageNameCasing"],
        summary: "a stage name with capital letters",
        level: Level::Warning,
        group: Group::Maintenance,
        activation: Activation::Default,
        fixable: Fixable::Always,
        status: FIRST,
        check: Check::Instruction(check),
    }
}

fn check(cx: &Context<'_>, view: &InstructionView<'_>) {
    let InstructionKind::From(from) = view.kind() else { return };
    let Some(name) = &from.name else { return };
    let lower = name.value.to_lowercase();
    if lower != name.value {
        let title = format!("write `{lower}`");
        cx.report(view.index, name.span, format!("the stage name `{}` has capital letters", name.value))
            .in_buildkits_words(|| format!("Stage name '{}' should be lowercase", name.value))
            .fix(Fix::safe(title, vec![Edit::replace(name.span, lower)]))
            .done();
    }
}
