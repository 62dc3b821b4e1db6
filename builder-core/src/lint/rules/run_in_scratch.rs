//! A command in an empty image.

use crate::lint::prelude::*;

rule! {
    /// ## What it does
    /// Finds `RUN` in a stage that begins from `scratch` before anything was copied into it.
    ///
    /// ## Why it matters
    /// There is no shell and no program: the build fails.
    ///
    /// ## Example
    /// ```dockerfile
    /// FROM scratch
    /// RUN mkdir /data
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// FROM scratch
    /// WORKDIR /data
    /// ```
    RULE {
        id: "run-in-scratch",
        codes: &[],
        summary: "a command in an empty image",
        level: Level::Error,
        group: Group::Correctness,
        activation: Activation::Default,
        fixable: Fixable::Never,
        status: FIRST,
        check: Check::Stage(check),
    }
}

fn check(cx: &Context<'_>, stage: &StageView) {
    let chain: Vec<_> = cx.model.ancestry(stage.index).collect();
    if cx.model.root(stage.index).is_none_or(|root| root.image != "scratch") {
        return;
    }
    let fills = |view: &InstructionView<'_>| {
        matches!(view.kind(), InstructionKind::Copy(_) | InstructionKind::Add(_) | InstructionKind::Run(_))
    };
    if chain[1..].iter().any(|stage| cx.model.body(stage.index).any(fills)) {
        return;
    }
    let Some(first) = cx.model.body(stage.index).find(|view| fills(view)) else { return };
    // A mount may bring the program.
    if let InstructionKind::Run(run) = first.kind()
        && run.mounts.is_empty()
    {
        cx.report(first.index, first.instruction.keyword.span, "the image is empty here, there is nothing to run")
            .help("do it in an earlier stage, and copy what it makes")
            .done();
    }
}
