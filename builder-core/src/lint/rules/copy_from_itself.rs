//! `DL3023`.

use crate::lint::prelude::*;

rule! {
    /// ## What it does
    /// Finds a `COPY --from` of the stage that it stands in.
    ///
    /// ## Why it matters
    /// A stage cannot copy from itself: the build fails.
    ///
    /// ## Example
    /// ```dockerfile
    /// FROM debian:12 AS build
    /// COPY --from=build /a /b
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// FROM debian:12 AS build
    /// RUN cp /a /b
    /// ```
    RULE {
        id: "copy-from-itself",
        codes: &["DL3023"],
        summary: "`COPY --from` of its own stage",
        level: Level::Error,
        group: Group::Correctness,
        activation: Activation::Default,
        fixable: Fixable::Never,
        status: FIRST,
        check: Check::Instruction(check),
    }
}

fn check(cx: &Context<'_>, view: &InstructionView<'_>) {
    let InstructionKind::Copy(transfer) = view.kind() else { return };
    if cx.skips(view) {
        return;
    }
    let (Some(from), Some(stage)) = (&transfer.from, view.stage.and_then(|stage| cx.model.stages.get(stage))) else {
        return;
    };
    if stage.name.as_ref() == Some(&from.value) {
        cx.report(view.index, from.span, format!("`{}` is the stage that this stands in", from.value)).done();
    }
}
