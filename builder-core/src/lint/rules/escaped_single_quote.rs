//! `SC1003`.

use crate::lint::prelude::*;
use crate::lint::sh::report;
use crate::shell::{Index, PartKind};

rule! {
    /// ## What it does
    /// Finds a backslash at the end of a text in single quotes.
    ///
    /// ## Why it matters
    /// In single quotes a backslash is a character like every other: it does not escape the quote behind it.
    ///
    /// ## Example
    /// ```dockerfile
    /// RUN tr '\\' / < paths
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// RUN tr "\\\\" / < paths
    /// ```
    RULE {
        id: "escaped-single-quote",
        codes: &["SC1003"],
        summary: "a backslash before the quote that ends a text",
        level: Level::Info,
        group: Group::Shell,
        activation: Activation::Default,
        fixable: Fixable::Never,
        status: FIRST,
        check: Check::Tree(check),
    }
}

fn check(cx: &Context<'_>, script: &ScriptView<'_>, index: &Index<'_>) {
    for site in &index.parts {
        if !matches!(&site.part.kind, PartKind::SingleQuoted(text) if text.ends_with('\\')) {
            continue;
        }
        let end = site.part.span.end.saturating_sub(1);
        report(cx, script, Span::new(end.saturating_sub(1), end), "this backslash does not escape the quote behind it")
            .done();
    }
}
