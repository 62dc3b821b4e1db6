//! A variable that is set twice in a row.

use super::early_argument::uses;
use crate::lint::prelude::*;
use crate::lint::words::unquoted;
use std::collections::HashMap;

rule! {
    /// ## What it does
    /// Finds variables that are set again before anything could use the first value.
    ///
    /// ## Why it matters
    /// Only the last value counts.
    ///
    /// ## Example
    /// ```dockerfile
    /// ENV MODE=debug MODE=release
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// ENV MODE=release
    /// ```
    RULE {
        id: "repeated-variable",
        codes: &[],
        summary: "a variable that is set twice in a row",
        level: Level::Warning,
        group: Group::Maintenance,
        activation: Activation::Default,
        fixable: Fixable::Never,
        status: FIRST,
        check: Check::Stage(check),
    }
}

fn check(cx: &Context<'_>, stage: &StageView) {
    let mut seen: HashMap<String, (usize, Span)> = HashMap::new();
    for view in cx.model.body(stage.index) {
        let InstructionKind::Env(env) = view.kind() else {
            seen.clear();
            continue;
        };
        for pair in &env.pairs {
            // A value that is used on the way was needed.
            seen.retain(|name, _| !uses(pair.value.as_str(), name));
            let key = unquoted(pair.key.as_str()).to_owned();
            if let Some((index, span)) = seen.insert(key.clone(), (view.index, pair.key.span())) {
                cx.report(index, span, format!("`{key}` is set again before anything uses it"))
                    .also(pair.key.span(), "this one counts")
                    .done();
            }
        }
    }
}
