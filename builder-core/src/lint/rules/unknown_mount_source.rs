//! A mount from a stage that does not exist.

use crate::dockerfile::closest;
use crate::lint::prelude::*;
use crate::semantic::reachability::from_operands;

rule! {
    /// ## What it does
    /// Finds `RUN --mount=from=` with a name that is no earlier stage, and has neither tag nor registry as an
    /// image.
    ///
    /// ## Why it matters
    /// BuildKit takes it for an image and tries to download it; mostly a stage was meant.
    ///
    /// ## Example
    /// ```dockerfile
    /// RUN --mount=from=biuld,target=/out ls /out
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// RUN --mount=from=build,target=/out ls /out
    /// ```
    RULE {
        id: "unknown-mount-source",
        codes: &[],
        summary: "a mount from a stage that does not exist",
        level: Level::Warning,
        group: Group::Correctness,
        activation: Activation::Default,
        fixable: Fixable::Never,
        status: FIRST,
        check: Check::Instruction(check),
    }
}

fn check(cx: &Context<'_>, view: &InstructionView<'_>) {
    let InstructionKind::Run(_) = view.kind() else { return };
    let earlier = &cx.model.stages[..view.stage.unwrap_or(0)];
    for (_, name) in from_operands(view.instruction) {
        let text = name.value.as_str();
        let is_stage =
            earlier.iter().any(|stage| stage.name.as_ref().is_some_and(|known| known.eq_ignore_ascii_case(text)));
        let is_index = text.parse::<usize>().is_ok_and(|index| index < earlier.len());
        let is_image = text.contains([':', '/', '@', '$']) || text == "scratch";
        if text.is_empty() || is_stage || is_index || is_image || cx.options.facts.named_contexts.contains(text) {
            continue;
        }
        let source = cx.text(name.span);
        let at = source.find(text).unwrap_or(0);
        let start = name.span.start as usize + at;
        let span = Span::from_range(start..start + text.len().min(source.len()));
        let report = cx.report(view.index, span, format!("`{text}` is no earlier stage, and has no tag as an image"));
        match closest(text, earlier.iter().filter_map(|stage| stage.name.as_deref())) {
            Some(near) => report.help(format!("did you mean `{near}`?")).done(),
            None => report.help("name an earlier stage, or give the image a tag").done(),
        }
    }
}
