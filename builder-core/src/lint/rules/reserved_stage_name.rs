//! `DL3063`, `ReservedStageName`.

use super::duplicate_stage_name::from_name;
use crate::lint::prelude::*;
use crate::text::go_quoted;

rule! {
    /// ## What it does
    /// Finds stages named `scratch` or `context`.
    ///
    /// ## Why it matters
    /// The names mean the empty image and the build context already.
    ///
    /// ## Example
    /// ```dockerfile
    /// FROM debian:12 AS context
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// FROM debian:12 AS sources
    /// ```
    RULE {
        id: "reserved-stage-name",
        codes: &["DL3063", "ReservedStageName"],
        summary: "a stage named `scratch` or `context`",
        level: Level::Warning,
        group: Group::Correctness,
        activation: Activation::Default,
        fixable: Fixable::Never,
        status: FIRST,
        check: Check::Stage(check),
    }
}

fn check(cx: &Context<'_>, stage: &StageView) {
    let Some(name) = from_name(cx, stage) else { return };
    let known = if cx.is_hadolint() { name.value.clone() } else { name.value.to_lowercase() };
    if matches!(known.as_str(), "scratch" | "context") {
        cx.report(stage.from, name.span, format!("the name `{}` is reserved", name.value))
            .in_buildkits_words(|| {
                format!("Stage name should not use the same name as reserved stage {}", go_quoted(&name.value))
            })
            .done();
    }
}
