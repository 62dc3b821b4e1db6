//! A variable that is set twice in a row.

use super::trailing_comment::meant;
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
    let (mut variables, mut arguments) = (Seen::default(), Seen::default());
    for view in cx.model.body(stage.index) {
        match view.kind() {
            InstructionKind::Env(env) => {
                arguments.0.clear();
                for pair in &env.pairs {
                    let key = unquoted(pair.key.as_str());
                    variables.set(cx, view, key, pair.key.span(), pair.value.as_str());
                }
            }
            InstructionKind::Arg(declarations) => {
                variables.0.clear();
                for arg in meant(cx, declarations) {
                    let default = arg.default.as_ref().map_or("", |default| default.as_str());
                    arguments.set(cx, view, &arg.name.value, arg.name.span, default);
                }
            }
            _ => {
                variables.0.clear();
                arguments.0.clear();
            }
        }
    }
}

/// Variables that nothing has used yet, with the instruction and the place that set each.
#[derive(Default)]
struct Seen(HashMap<String, (usize, Span)>);

impl Seen {
    fn set(&mut self, cx: &Context<'_>, view: &InstructionView<'_>, name: &str, span: Span, value: &str) {
        // A value that is used on the way was needed.
        for used in value.split(|c: char| c != '_' && !c.is_ascii_alphanumeric()) {
            self.0.remove(used);
        }
        if let Some((index, earlier)) = self.0.insert(name.to_owned(), (view.index, span)) {
            cx.report(index, earlier, format!("`{name}` is set again before anything uses it"))
                .also(span, "this one counts")
                .done();
        }
    }
}
