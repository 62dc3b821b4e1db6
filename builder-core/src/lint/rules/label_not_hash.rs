//! `DL3055`.

use crate::lint::labels::check_type;
use crate::lint::options::LabelType;
use crate::lint::prelude::*;

rule! {
    /// ## What it does
    /// Finds labels that the schema of the configuration wants to be a git hash of 7 or 40 lower-case digits, and that are not.
    ///
    /// ## Why it matters
    /// Programs that read the label expect this form.
    ///
    /// ## Example
    /// ```dockerfile
    /// LABEL org.example.commit="HEAD"
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// LABEL org.example.commit="abcdef1"
    /// ```
    RULE {
        id: "label-not-hash",
        codes: &["DL3055"],
        summary: "a label that has to be a git hash",
        level: Level::Warning,
        group: Group::Labels,
        activation: Activation::Configured,
        fixable: Fixable::Never,
        status: FIRST,
        check: Check::Instruction(check),
    }
}

fn check(cx: &Context<'_>, view: &InstructionView<'_>) {
    check_type(cx, view, LabelType::Hash, "a git hash of 7 or 40 lower-case digits");
}
