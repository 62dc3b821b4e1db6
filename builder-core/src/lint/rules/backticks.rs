//! `SC2006`.

use crate::lint::prelude::*;
use crate::lint::sh::report;
use crate::shell::{Index, PartKind};

rule! {
    /// ## What it does
    /// Finds commands in backticks.
    ///
    /// ## Why it matters
    /// Backslashes mean something else in them, and they cannot be nested without more of those. `$(…)` has no such
    /// rules.
    ///
    /// ## Example
    /// ```dockerfile
    /// RUN echo "built on `uname -m`" > /build
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// RUN echo "built on $(uname -m)" > /build
    /// ```
    ///
    /// ## Fix safety
    /// Safe: the same command runs. Where there are backslashes in it, there is no fix.
    RULE {
        id: "backticks",
        codes: &["SC2006"],
        summary: "backticks rather than `$(…)`",
        level: Level::Style,
        group: Group::Shell,
        activation: Activation::Default,
        fixable: Fixable::Sometimes,
        status: FIRST,
        check: Check::Tree(check),
    }
}

fn check(cx: &Context<'_>, script: &ScriptView<'_>, index: &Index<'_>) {
    for site in &index.parts {
        let PartKind::CommandSubstitution { body, backticks: true } = &site.part.kind else { continue };
        if body.items.is_empty() {
            continue;
        }
        let span = site.part.span;
        report(cx, script, span, "backticks are hard to read and to nest").maybe_fix(fix(script, span)).done();
    }
}

fn fix(script: &ScriptView<'_>, span: Span) -> Option<Fix> {
    let inner = script.slice(Span::new(span.start + 1, span.end.saturating_sub(1)));
    if inner.contains(['\\', '`', '#']) || inner.starts_with('(') {
        return None;
    }
    let first = script.place(Span::new(span.start, span.start + 1));
    let last = script.place(Span::new(span.end - 1, span.end));
    Some(Fix::safe("write `$(…)`", vec![Edit::replace(first, "$("), Edit::replace(last, ")")]))
}
