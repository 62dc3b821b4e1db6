//! `DL3049`.

use crate::lint::labels::labels;
use crate::lint::prelude::*;

rule! {
    /// ## What it does
    /// Finds stages without a label that the schema of the configuration wants.
    ///
    /// ## Why it matters
    /// Programs that look for the label do not find the image.
    ///
    /// ## Example
    /// ```dockerfile
    /// LABEL org.example.other="a"
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// LABEL org.example.name="a"
    /// ```
    RULE {
        id: "missing-label",
        codes: &["DL3049"],
        summary: "a label of the schema is missing",
        level: Level::Info,
        group: Group::Labels,
        activation: Activation::Configured,
        fixable: Fixable::Never,
        status: FIRST,
        check: Check::Stage(check),
    }
}

fn check(cx: &Context<'_>, stage: &StageView) {
    if cx.options.label_schema.is_empty() || is_only_used(cx, stage) {
        return;
    }
    let Some(from) = cx.instruction(stage.from) else { return };
    let views = cx.model.ancestry(stage.index).flat_map(|stage| cx.model.body(stage.index));
    let found: Vec<&str> = views.flat_map(labels).map(|(key, _)| key).collect();
    for name in cx.options.label_schema.keys().filter(|name| !found.contains(&name.as_str())) {
        cx.report(stage.from, from.head, format!("the label `{name}` is missing")).done();
    }
}

/// Tells whether other stages begin from a stage or copy from it: its own labels reach nobody.
fn is_only_used(cx: &Context<'_>, stage: &StageView) -> bool {
    let names = |text: &str| stage.name.as_deref() == Some(text) || text.parse() == Ok(stage.index);
    let is_base = cx.model.stages.iter().any(|other| other.parent == Some(stage.index));
    is_base
        || cx.model.instructions.iter().any(|view| match view.kind() {
            InstructionKind::Copy(transfer) => transfer.from.as_ref().is_some_and(|from| names(&from.value)),
            _ => false,
        })
}
