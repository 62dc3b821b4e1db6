//! `DL3061`.

use crate::lint::prelude::*;

rule! {
    /// ## What it does
    /// Finds instructions other than `ARG` before the first `FROM`.
    ///
    /// ## Why it matters
    /// There is no stage yet that they could belong to: the build fails.
    ///
    /// ## Example
    /// ```dockerfile
    /// LABEL a=b
    /// FROM debian:12
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// FROM debian:12
    /// LABEL a=b
    /// ```
    RULE {
        id: "instruction-before-from",
        codes: &["DL3061"],
        summary: "an instruction before the first `FROM`",
        level: Level::Error,
        group: Group::Correctness,
        activation: Activation::Default,
        fixable: Fixable::Never,
        status: FIRST,
        check: Check::Instruction(check),
    }
}

fn check(cx: &Context<'_>, view: &InstructionView<'_>) {
    if view.stage.is_none() && !view.is_trigger() && !matches!(view.kind(), InstructionKind::Arg(_)) {
        let keyword = &view.instruction.keyword;
        cx.report(view.index, keyword.span, format!("`{}` before the first `FROM`", keyword.value)).done();
    }
}
