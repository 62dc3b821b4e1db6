//! A label that is set twice.

use crate::lint::prelude::*;
use crate::lint::words::unquoted;
use std::collections::HashMap;

rule! {
    /// ## What it does
    /// Finds labels that a later line of the same stage sets again.
    ///
    /// ## Why it matters
    /// Only the last value counts.
    ///
    /// ## Example
    /// ```dockerfile
    /// LABEL version="1"
    /// LABEL version="2"
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// LABEL version="2"
    /// ```
    RULE {
        id: "repeated-label",
        codes: &[],
        summary: "a label that is set twice",
        level: Level::Warning,
        group: Group::Maintenance,
        activation: Activation::Default,
        fixable: Fixable::Never,
        status: FIRST,
        check: Check::Stage(check),
    }
}

fn check(cx: &Context<'_>, stage: &StageView) {
    let mut seen: HashMap<&str, (usize, Span)> = HashMap::new();
    for view in cx.model.body(stage.index) {
        let InstructionKind::Label(labels) = view.kind() else { continue };
        for pair in &labels.pairs {
            let key = unquoted(pair.key.as_str());
            if let Some((index, span)) = seen.insert(key, (view.index, pair.key.span())) {
                cx.report(index, span, format!("the label `{key}` is set again"))
                    .also(pair.key.span(), "this one counts")
                    .done();
            }
        }
    }
}
