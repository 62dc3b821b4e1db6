//! An argument is declared before it is needed.

use std::collections::HashMap;

use super::trailing_comment::meant;
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
    let declares = |view: &&InstructionView<'_>| matches!(view.kind(), InstructionKind::Arg(_));
    if !body.iter().any(declares) {
        return;
    }
    // Where each name stands, so that not every argument has to read everything.
    let mut places: HashMap<&str, Vec<usize>> = HashMap::new();
    for (at, view) in body.iter().enumerate() {
        for word in cx.text(view.outer.span).split(|c: char| c != '_' && !c.is_ascii_alphanumeric()) {
            places.entry(word).or_default().push(at);
        }
    }
    let is_run = |at: &usize| matches!(body[*at].kind(), InstructionKind::Run(_));
    let runs: Vec<usize> = (0..body.len()).filter(is_run).collect();
    for (at, view) in body.iter().enumerate() {
        let InstructionKind::Arg(declarations) = view.kind() else { continue };
        for arg in meant(cx, declarations) {
            let name = arg.name.value.as_str();
            let Some(places) = places.get(name) else { continue };
            let Some(first) = places.get(places.partition_point(|place| *place <= at)) else { continue };
            let run = runs.get(runs.partition_point(|place| *place <= at)).filter(|place| *place < first);
            let Some(run) = run.map(|run| body[*run]) else { continue };
            cx.report(view.index, arg.name.span, format!("`{name}` is declared earlier than it is needed"))
                .also(run.instruction.keyword.span, "this step runs again when it changes")
                .also(body[*first].instruction.keyword.span, "here it is needed")
                .done();
        }
    }
}
