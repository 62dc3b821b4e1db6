//! `DL3051`.

use crate::lint::labels::labels;
use crate::lint::prelude::*;
use crate::lint::words::trimmed;

rule! {
    /// ## What it does
    /// Finds labels of the schema of the configuration that are empty.
    ///
    /// ## Why it matters
    /// An empty label says nothing.
    ///
    /// ## Example
    /// ```dockerfile
    /// LABEL org.example.name=""
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// LABEL org.example.name="a"
    /// ```
    RULE {
        id: "empty-label",
        codes: &["DL3051"],
        summary: "a label of the schema is empty",
        level: Level::Warning,
        group: Group::Labels,
        activation: Activation::Configured,
        fixable: Fixable::Never,
        status: FIRST,
        check: Check::Instruction(check),
    }
}

fn check(cx: &Context<'_>, view: &InstructionView<'_>) {
    for (key, pair) in labels(view) {
        if cx.options.label_schema.contains_key(key) && trimmed(pair.value.as_str()).is_empty() {
            cx.report(view.index, pair.value.span(), format!("the label `{key}` is empty")).done();
        }
    }
}
