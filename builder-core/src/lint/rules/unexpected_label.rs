//! `DL3050`.

use crate::lint::labels::labels;
use crate::lint::prelude::*;

rule! {
    /// ## What it does
    /// Finds labels that are not in the schema of the configuration, where it is strict.
    ///
    /// ## Why it matters
    /// A misspelled label is as good as none.
    ///
    /// ## Example
    /// ```dockerfile
    /// LABEL org.example.nmae="a"
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// LABEL org.example.name="a"
    /// ```
    RULE {
        id: "unexpected-label",
        codes: &["DL3050"],
        summary: "a label outside of the schema",
        level: Level::Info,
        group: Group::Labels,
        activation: Activation::Configured,
        fixable: Fixable::Never,
        status: FIRST,
        check: Check::Instruction(check),
    }
}

fn check(cx: &Context<'_>, view: &InstructionView<'_>) {
    if !cx.options.strict_labels {
        return;
    }
    for (key, pair) in labels(view) {
        if !cx.options.label_schema.contains_key(key) {
            cx.report(view.index, pair.key.span(), format!("the label `{key}` is not in the schema")).done();
        }
    }
}
