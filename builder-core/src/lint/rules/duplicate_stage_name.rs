//! `DL3024`, `DuplicateStageName`.

use std::collections::HashMap;

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
        check: Check::File(check),
    }
}

fn check(cx: &Context<'_>) {
    let mut known: HashMap<String, &StageView> = HashMap::new();
    for stage in &cx.model.stages {
        let Some(name) = from_name(cx, stage) else { continue };
        let key = if cx.is_hadolint() { name.value.clone() } else { name.value.to_ascii_lowercase() };
        let first = *known.entry(key).or_insert(stage);
        if first.index == stage.index {
            continue;
        }
        let report = cx
            .report(stage.from, name.span, format!("another stage is named `{}` already", name.value))
            .in_buildkits_words(|| {
                format!("Duplicate stage name {}, stage names should be unique", go_quoted(&name.value.to_lowercase()))
            });
        match from_name(cx, first) {
            Some(first) => report.also(first.span, "here").done(),
            None => report.done(),
        }
    }
}

pub(super) fn from_name<'a>(cx: &Context<'a>, stage: &StageView) -> Option<&'a crate::text::Spanned<String>> {
    match &cx.instruction(stage.from)?.kind {
        InstructionKind::From(from) => from.name.as_ref(),
        _ => None,
    }
}
