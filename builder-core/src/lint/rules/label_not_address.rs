//! `DL3058`.

use crate::lint::labels::check_type;
use crate::lint::options::LabelType;
use crate::lint::prelude::*;

rule! {
    /// ## What it does
    /// Finds labels that the schema of the configuration wants to be an address of mail, and that are not.
    ///
    /// ## Why it matters
    /// Programs that read the label expect this form.
    ///
    /// ## Example
    /// ```dockerfile
    /// LABEL org.example.contact="nobody"
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// LABEL org.example.contact="me@example.org"
    /// ```
    RULE {
        id: "label-not-address",
        codes: &["DL3058"],
        summary: "a label that has to be an address of mail",
        level: Level::Warning,
        group: Group::Labels,
        activation: Activation::Configured,
        fixable: Fixable::Never,
        status: FIRST,
        check: Check::Instruction(check),
    }
}

fn check(cx: &Context<'_>, view: &InstructionView<'_>) {
    check_type(cx, view, LabelType::Email, "an address of mail");
}
