//! `DL4000`, `MaintainerDeprecated`.

use crate::lint::prelude::*;
use crate::lint::words::unquoted;

rule! {
    /// ## What it does
    /// Finds `MAINTAINER`.
    ///
    /// ## Why it matters
    /// It is deprecated; a label says the same, and tools read it.
    ///
    /// ## Example
    /// ```dockerfile
    /// MAINTAINER me@example.org
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// LABEL org.opencontainers.image.authors="me@example.org"
    /// ```
    ///
    /// ## Fix safety
    /// Unsafe: the config of the image has a label in the place of the author.
    RULE {
        id: "deprecated-maintainer",
        codes: &["DL4000", "MaintainerDeprecated"],
        summary: "`MAINTAINER` is deprecated",
        level: Level::Error,
        group: Group::Maintenance,
        activation: Activation::Default,
        fixable: Fixable::Always,
        status: FIRST,
        check: Check::Instruction(check),
    }
}

fn check(cx: &Context<'_>, view: &InstructionView<'_>) {
    let InstructionKind::Maintainer(name) = view.kind() else { return };
    if cx.skips(view) {
        return;
    }
    let keyword = &view.instruction.keyword;
    let escaped = unquoted(name.as_str()).replace("\\\"", "\"").replace('\\', "\\\\");
    let escaped = escaped.replace('"', "\\\"").replace('$', "\\$");
    let label = format!("LABEL org.opencontainers.image.authors=\"{escaped}\"");
    let edit = Edit::replace(keyword.span.cover(name.span()), label);
    cx.report(view.index, keyword.span, "`MAINTAINER` is deprecated")
        .in_buildkits_words(|| "Maintainer instruction is deprecated in favor of using label".to_owned())
        .fix(Fix::risky("write a label", vec![edit]))
        .done();
}
