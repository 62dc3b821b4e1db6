//! `DL3043`.

use crate::lint::prelude::*;

rule! {
    /// ## What it does
    /// Finds `ONBUILD` with an instruction that cannot be a trigger.
    ///
    /// ## Why it matters
    /// `ONBUILD`, `FROM` and `MAINTAINER` are no triggers: the build fails.
    ///
    /// ## Example
    /// ```dockerfile
    /// ONBUILD FROM debian:12
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// ONBUILD RUN make
    /// ```
    RULE {
        id: "forbidden-trigger",
        codes: &["DL3043"],
        summary: "`ONBUILD` of `ONBUILD`, `FROM` or `MAINTAINER`",
        level: Level::Error,
        group: Group::Correctness,
        activation: Activation::Default,
        fixable: Fixable::Never,
        status: FIRST,
        check: Check::Instruction(check),
    }
}

fn check(cx: &Context<'_>, view: &InstructionView<'_>) {
    let keyword = &view.instruction.keyword;
    if view.is_trigger() && ["ONBUILD", "FROM", "MAINTAINER"].contains(&keyword.value.to_ascii_uppercase().as_str()) {
        cx.report(view.index, keyword.span, format!("`{}` cannot be a trigger", keyword.value)).done();
    }
}
