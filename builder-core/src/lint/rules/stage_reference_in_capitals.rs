//! A stage that `FROM` does not find because of its letter case.

use crate::lint::paths::literal;
use crate::lint::prelude::*;

rule! {
    /// ## What it does
    /// Finds a `FROM` with the name of an earlier stage in capital letters.
    ///
    /// ## Why it matters
    /// Names of stages are kept in small letters, and `FROM` compares them as written, unlike `--from` and `--target`:
    /// what has a capital is looked for as an image, and no image has one either.
    ///
    /// ## Example
    /// ```dockerfile
    /// FROM debian:12 AS Build
    /// FROM Build
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// FROM debian:12 AS build
    /// FROM build
    /// ```
    ///
    /// ## Fix safety
    /// Unsafe: the build failed before.
    RULE {
        id: "stage-reference-in-capitals",
        codes: &[],
        summary: "a `FROM` that misses a stage by its letter case",
        level: Level::Error,
        group: Group::Correctness,
        activation: Activation::Default,
        fixable: Fixable::Always,
        status: FIRST,
        check: Check::Stage(check),
    }
}

fn check(cx: &Context<'_>, stage: &StageView) {
    let Some(InstructionKind::From(from)) = cx.instruction(stage.from).map(|instruction| &instruction.kind) else {
        return;
    };
    let Some(written) = literal(&from.image) else { return };
    let lower = written.to_lowercase();
    let is_known = cx.options.facts.named_contexts.contains(written);
    let meant = cx.model.first_stage(&lower, true).filter(|first| *first < stage.index);
    if lower == written || is_known || meant.is_none() {
        return;
    }
    cx.report(stage.from, from.image.span(), format!("`{written}` is no stage: its name is `{lower}` here"))
        .fix(Fix::risky(format!("write `{lower}`"), vec![Edit::replace(from.image.span(), lower)]))
        .done();
}
