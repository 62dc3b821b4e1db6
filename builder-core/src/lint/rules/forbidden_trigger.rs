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
    // The parser refuses such a trigger, so that there is no instruction to look at.
    let is_on_build = view.instruction.keyword.value.eq_ignore_ascii_case("ONBUILD");
    if !is_on_build || !matches!(view.kind(), InstructionKind::Invalid) {
        return;
    }
    let line = &view.instruction.line;
    let text = line.as_str();
    let keyword = text.split_whitespace().nth(1).unwrap_or_default();
    if FORBIDDEN.iter().any(|known| known.eq_ignore_ascii_case(keyword)) {
        let start = text.find(char::is_whitespace).map_or(0, |at| at + text[at..].find(keyword).unwrap_or(0));
        let span = line.span_of(start..start + keyword.len());
        cx.report(view.index, span, format!("`{keyword}` cannot be a trigger")).done();
    }
}

const FORBIDDEN: [&str; 3] = ["ONBUILD", "FROM", "MAINTAINER"];
