//! `DL3048`.

use crate::lint::prelude::*;
use crate::lint::words::trimmed;

rule! {
    /// ## What it does
    /// Finds label keys that do not follow Docker's guidelines: lower-case letters, digits, `.`, `-`, `_` and `/`, a
    /// letter in front, a letter or digit at the end, no reserved name space.
    ///
    /// ## Why it matters
    /// Tools that filter by labels expect this form.
    ///
    /// ## Example
    /// ```dockerfile
    /// LABEL +my-key=value
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// LABEL org.example.my-key=value
    /// ```
    RULE {
        id: "invalid-label-key",
        codes: &["DL3048"],
        summary: "a label key outside of the guidelines",
        level: Level::Style,
        group: Group::Labels,
        activation: Activation::Default,
        fixable: Fixable::Never,
        status: FIRST,
        check: Check::Instruction(check),
    }
}

fn check(cx: &Context<'_>, view: &InstructionView<'_>) {
    let InstructionKind::Label(labels) = view.kind() else { return };
    if view.is_trigger() {
        return;
    }
    for pair in &labels.pairs {
        let key = trimmed(pair.key.as_str());
        if let Some(why) = fault(key) {
            cx.report(view.index, pair.key.span(), format!("the label key `{key}` {why}")).done();
        }
    }
}

fn fault(key: &str) -> Option<&'static str> {
    let is_inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '.' | '-' | '_' | '/');
    if !key.starts_with(|c: char| c.is_ascii_lowercase()) {
        Some("does not begin with a lower-case letter")
    } else if !key.ends_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit()) {
        Some("does not end with a lower-case letter or a digit")
    } else if !key.chars().all(is_inner) {
        Some("has characters other than lower-case letters, digits, `.`, `-`, `_` and `/`")
    } else if ["com.docker.", "io.docker.", "org.dockerproject."].iter().any(|prefix| key.starts_with(prefix)) {
        Some("is in a name space that is reserved for Docker")
    } else if key.contains("..") || key.contains("--") {
        Some("has two separators in a row")
    } else {
        None
    }
}
