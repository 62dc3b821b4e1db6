//! `DL3057`.

use crate::lint::prelude::*;

rule! {
    /// ## What it does
    /// Finds stages without a `HEALTHCHECK`. It is off unless selected.
    ///
    /// ## Why it matters
    /// Where Docker runs the image, nobody notices that the program hangs. Kubernetes has checks of its own.
    ///
    /// ## Example
    /// ```dockerfile
    /// FROM debian:12
    /// CMD ["/bin/serve"]
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// FROM debian:12
    /// HEALTHCHECK CMD ["/bin/check"]
    /// CMD ["/bin/serve"]
    /// ```
    RULE {
        id: "missing-healthcheck",
        codes: &["DL3057"],
        summary: "a stage without a `HEALTHCHECK`",
        level: Level::Info,
        group: Group::Correctness,
        activation: Activation::Opinion,
        fixable: Fixable::Never,
        status: FIRST,
        check: Check::Stage(check),
    }
}

fn check(cx: &Context<'_>, stage: &StageView) {
    let has = |index: usize| cx.model.body(index).any(|view| matches!(view.kind(), InstructionKind::Healthcheck(_)));
    let by_ancestor = cx.model.ancestry(stage.index).any(|stage| has(stage.index));
    let by_descendant =
        cx.model.stages.iter().any(|other| {
            has(other.index) && cx.model.ancestry(other.index).any(|ancestor| ancestor.index == stage.index)
        });
    if by_ancestor || by_descendant || !cx.is_hadolint() && !stage.is_last {
        return;
    }
    if let Some(from) = cx.instruction(stage.from) {
        cx.report(stage.from, from.head, "the stage has no `HEALTHCHECK`").done();
    }
}
