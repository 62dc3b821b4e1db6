//! `DL3053`.

use crate::lint::labels::check_type;
use crate::lint::options::LabelType;
use crate::lint::prelude::*;

rule! {
    /// ## What it does
    /// Finds labels that the schema of the configuration wants to be a time as RFC 3339 has it, and that are not.
    ///
    /// ## Why it matters
    /// Programs that read the label expect this form.
    ///
    /// ## Example
    /// ```dockerfile
    /// LABEL org.example.built="yesterday"
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// LABEL org.example.built="2026-11-21T10:00:00Z"
    /// ```
    RULE {
        id: "label-not-time",
        codes: &["DL3053"],
        summary: "a label that has to be a time",
        level: Level::Warning,
        group: Group::Labels,
        activation: Activation::Configured,
        fixable: Fixable::Never,
        status: FIRST,
        check: Check::Instruction(check),
    }
}

fn check(cx: &Context<'_>, view: &InstructionView<'_>) {
    check_type(cx, view, LabelType::Rfc3339, "a time as RFC 3339 has it");
}
