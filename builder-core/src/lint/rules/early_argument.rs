//! An argument is declared before it is needed.

use crate::lint::prelude::*;

rule! {
    /// ## What it does
    /// Finds an `ARG` with steps between it and its first use.
    ///
    /// ## Why it matters
    /// Every `RUN` below the declaration runs again when the argument changes, whether it uses it or not.
    ///
    /// ## Example
    /// ```dockerfile
    /// ARG VERSION
    /// RUN apt-get update && apt-get install -y curl
    /// RUN curl -o /tool https://example.org/$VERSION
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// RUN apt-get update && apt-get install -y curl
    /// ARG VERSION
    /// RUN curl -o /tool https://example.org/$VERSION
    /// ```
    RULE {
        id: "early-argument",
        codes: &[],
        summary: "an argument is declared before it is needed",
        level: Level::Info,
        group: Group::Speed,
        activation: Activation::Opinion,
        fixable: Fixable::Never,
        status: FIRST,
        check: Check::Stage(check),
    }
}

fn check(cx: &Context<'_>, stage: &StageView) {
    let body: Vec<_> = cx.model.body(stage.index).collect();
    for (at, view) in body.iter().enumerate() {
        let InstructionKind::Arg(declarations) = view.kind() else { continue };
        for arg in declarations {
            let name = arg.name.value.as_str();
            let uses = |other: &InstructionView<'_>| uses(cx.text(other.outer.span), name);
            let Some(first) = body[at + 1..].iter().position(|other| uses(other)) else { continue };
            let between = &body[at + 1..at + 1 + first];
            let Some(run) = between.iter().find(|other| matches!(other.kind(), InstructionKind::Run(_))) else {
                continue;
            };
            cx.report(view.index, arg.name.span, format!("`{name}` is declared earlier than it is needed"))
                .also(run.instruction.keyword.span, "this step runs again when it changes")
                .also(body[at + 1 + first].instruction.keyword.span, "here it is needed")
                .done();
        }
    }
}

/// Tells whether a text has the name as a word.
pub(super) fn uses(text: &str, name: &str) -> bool {
    let is_part = |c: char| c == '_' || c.is_ascii_alphanumeric();
    text.match_indices(name).any(|(at, _)| {
        let before = text[..at].chars().next_back();
        let after = text[at + name.len()..].chars().next();
        !before.is_some_and(is_part) && !after.is_some_and(is_part)
    })
}
