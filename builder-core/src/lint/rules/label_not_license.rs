//! `DL3054`.

use crate::lint::labels::check_type;
use crate::lint::options::LabelType;
use crate::lint::prelude::*;

rule! {
    /// ## What it does
    /// Finds labels that the schema of the configuration wants to be the id of a licence in the SPDX list, and that are not.
    ///
    /// ## Why it matters
    /// Programs that read the label expect this form.
    ///
    /// ## Example
    /// ```dockerfile
    /// LABEL org.example.license="MIT-ish"
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// LABEL org.example.license="MIT"
    /// ```
    RULE {
        id: "label-not-license",
        codes: &["DL3054"],
        summary: "a label that has to be a licence",
        level: Level::Warning,
        group: Group::Labels,
        activation: Activation::Configured,
        fixable: Fixable::Never,
        status: FIRST,
        check: Check::Instruction(check),
    }
}

fn check(cx: &Context<'_>, view: &InstructionView<'_>) {
    check_type(cx, view, LabelType::Spdx, "the id of a licence in the SPDX list");
}
