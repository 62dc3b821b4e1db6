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
        check: Check::File(check),
    }
}

fn check(cx: &Context<'_>) {
    let stages = &cx.model.stages;
    let mut has = vec![false; stages.len()];
    for view in cx.model.instructions.iter().filter(|view| !view.is_trigger()) {
        if let (InstructionKind::Healthcheck(_), Some(stage)) = (view.kind(), view.stage) {
            has[stage] = true;
        }
    }
    // Stages begin from earlier ones: what is above comes first, what is below last.
    let (mut above, mut below) = (has.clone(), has);
    for stage in stages {
        above[stage.index] |= stage.parent.is_some_and(|parent| above[parent]);
    }
    for stage in stages.iter().rev() {
        if let Some(parent) = stage.parent.filter(|_| below[stage.index]) {
            below[parent] = true;
        }
    }
    for stage in stages.iter().filter(|stage| cx.is_hadolint() || stage.is_last) {
        if let (false, false, Some(from)) = (above[stage.index], below[stage.index], cx.instruction(stage.from)) {
            cx.report(stage.from, from.head, "the stage has no `HEALTHCHECK`").done();
        }
    }
}
