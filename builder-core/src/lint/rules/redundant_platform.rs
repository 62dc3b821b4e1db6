//! `DL3065`, `RedundantTargetPlatform`.

use crate::lint::prelude::*;
use crate::lint::variables::global_scope;

rule! {
    /// ## What it does
    /// Finds `FROM --platform=$TARGETPLATFORM`.
    ///
    /// ## Why it matters
    /// It is what happens without the flag.
    ///
    /// ## Example
    /// ```dockerfile
    /// FROM --platform=$TARGETPLATFORM debian:12
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// FROM debian:12
    /// ```
    ///
    /// ## Fix safety
    /// Safe: the flag has no effect.
    RULE {
        id: "redundant-platform",
        codes: &["DL3065", "RedundantTargetPlatform"],
        summary: "`--platform=$TARGETPLATFORM` does nothing",
        level: Level::Warning,
        group: Group::Maintenance,
        activation: Activation::Default,
        fixable: Fixable::Always,
        status: FIRST,
        check: Check::Instruction(check),
    }
}

fn check(cx: &Context<'_>, view: &InstructionView<'_>) {
    let InstructionKind::From(from) = view.kind() else { return };
    let is_target = |value: &str| matches!(value, "$TARGETPLATFORM" | "${TARGETPLATFORM}");
    let Some(flag) = view.instruction.flags.iter().find(|flag| flag.name.value == "platform") else { return };
    // hadolint compares what is written, quotes included.
    let is_written = !cx.is_hadolint() || cx.text(flag.span).split('=').nth(1).is_some_and(is_target);
    let is_redundant = |value: &str| if cx.is_buildkit() { expands_to_target(cx, value) } else { is_target(value) };
    if is_written && from.platform.as_ref().is_some_and(|platform| is_redundant(&platform.value)) {
        // With the blank behind it.
        let span = Span::new(flag.span.start, flag.span.end + 1);
        cx.report(view.index, flag.span, "the flag says what happens without it")
            .in_buildkits_words(|| {
                let value = from.platform.as_ref().map_or("", |platform| platform.value.as_str());
                format!("Setting platform to predefined {value} in FROM is redundant as this is the default behavior")
            })
            .fix(Fix::safe("leave the flag out", vec![Edit::delete(span)]))
            .done();
    }
}

/// BuildKit looks at what becomes of the value, and whether that one variable is all that it names.
fn expands_to_target(cx: &Context<'_>, value: &str) -> bool {
    let globals = global_scope(cx, true);
    let Ok(expansion) = globals.expand_str(value) else { return false };
    let is_only = expansion.references.iter().all(|reference| reference.name == "TARGETPLATFORM" && reference.set);
    is_only && !expansion.references.is_empty() && Some(expansion.text.as_str()) == globals.get("TARGETPLATFORM")
}
