//! `DL3052`.

use crate::lint::labels::check_type;
use crate::lint::options::LabelType;
use crate::lint::prelude::*;

rule! {
    /// ## What it does
    /// Finds labels that the schema of the configuration wants to be an absolute URI, and that are not.
    ///
    /// ## Why it matters
    /// Programs that read the label expect this form.
    ///
    /// ## Example
    /// ```dockerfile
    /// LABEL org.example.site="www.example.org"
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// LABEL org.example.site="https://example.org"
    /// ```
    RULE {
        id: "label-not-url",
        codes: &["DL3052"],
        summary: "a label that has to be a URL",
        level: Level::Warning,
        group: Group::Labels,
        activation: Activation::Configured,
        fixable: Fixable::Never,
        status: FIRST,
        check: Check::Instruction(check),
    }
}

fn check(cx: &Context<'_>, view: &InstructionView<'_>) {
    check_type(cx, view, LabelType::Url, "an absolute URI");
}
