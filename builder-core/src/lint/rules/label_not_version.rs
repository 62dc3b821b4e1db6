//! `DL3056`.

use crate::lint::labels::check_type;
use crate::lint::options::LabelType;
use crate::lint::prelude::*;

rule! {
    /// ## What it does
    /// Finds labels that the schema of the configuration wants to be a semantic version, and that are not.
    ///
    /// ## Why it matters
    /// Programs that read the label expect this form.
    ///
    /// ## Example
    /// ```dockerfile
    /// LABEL org.example.version="v1"
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// LABEL org.example.version="1.2.3"
    /// ```
    RULE {
        id: "label-not-version",
        codes: &["DL3056"],
        summary: "a label that has to be a semantic version",
        level: Level::Warning,
        group: Group::Labels,
        activation: Activation::Configured,
        fixable: Fixable::Never,
        status: FIRST,
        check: Check::Instruction(check),
    }
}

fn check(cx: &Context<'_>, view: &InstructionView<'_>) {
    check_type(cx, view, LabelType::SemVer, "a semantic version");
}
