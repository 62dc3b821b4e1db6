//! `DL3024`, `DuplicateStageName`.

use crate::lint::prelude::*;
use crate::text::go_quoted;

rule! {
    /// ## What it does
    /// Finds two stages of one name.
    ///
    /// ## Why it matters
    /// The name means the last one, and readers take it for the first.
    ///
    /// ## Example
    /// ```dockerfile
    /// FROM debian:12 AS build
    /// FROM alpine:3 AS build
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// FROM debian:12 AS build
    /// FROM alpine:3 AS package
    /// ```
    RULE {
        id: "duplicate-stage-name",
        codes: &["DL3024", "DuplicateStageName"],
        summary: "two stages of one name",
        level: Level::Error,
        group: Group::Correctness,
        activation: Activation::Default,
        fixable: Fixable::Never,
        status: FIRST,
        check: Check::Stage(check),
    }
}

fn check(cx: &Context<'_>, stage: &StageView) {
    let Some(name) = from_name(cx, stage) else { return };
    let is_same = |other: &&StageView| {
        other.name.as_ref().is_some_and(|known| {
            if cx.is_hadolint() { *known == name.value } else { known.eq_ignore_ascii_case(&name.value) }
        })
    };
    let Some(first) = cx.model.stages[..stage.index].iter().find(is_same) else { return };
    let report = cx
        .report(stage.from, name.span, format!("another stage is named `{}` already", name.value))
        .in_buildkits_words(|| {
            format!("Duplicate stage name {}, stage names should be unique", go_quoted(&name.value))
        });
    match from_name(cx, first) {
        Some(first) => report.also(first.span, "here").done(),
        None => report.done(),
    }
}

/// Returns the name of a stage with its place.
pub(super) fn from_name<'a>(cx: &Context<'a>, stage: &StageView) -> Option<&'a crate::text::Spanned<String>> {
    match &cx.instruction(stage.from)?.kind {
        InstructionKind::From(from) => from.name.as_ref(),
        _ => None,
    }
}
