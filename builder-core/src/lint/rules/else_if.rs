//! `SC1075`.

use crate::lint::prelude::*;
use crate::lint::sh::report;
use crate::shell::{CommandKind, Index};

rule! {
    /// ## What it does
    /// Finds `else if` on one line, which begins a condition of its own with a `fi` of its own.
    ///
    /// ## Why it matters
    /// It is easily taken for `elif`, and the second `fi` is forgotten.
    ///
    /// ## Example
    /// ```dockerfile
    /// RUN if test -e a; then make; else if test -e b; then make b; fi; fi
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// RUN if test -e a; then make; elif test -e b; then make b; fi
    /// ```
    RULE {
        id: "else-if",
        codes: &["SC1075"],
        summary: "`else if` where `elif` is meant",
        level: Level::Error,
        group: Group::Shell,
        activation: Activation::Default,
        fixable: Fixable::Never,
        status: FIRST,
        check: Check::Tree(check),
    }
}

fn check(cx: &Context<'_>, script: &ScriptView<'_>, index: &Index<'_>) {
    for site in &index.commands {
        let CommandKind::If { otherwise: Some(otherwise), .. } = &site.command.kind else { continue };
        let first = otherwise.items.first().and_then(|item| item.first.commands.first());
        let Some(inner) = first.filter(|command| matches!(command.kind, CommandKind::If { .. })) else { continue };
        let before = script.slice(Span::new(site.command.span.start, inner.span.start));
        let end = before.trim_end_matches([' ', '\t']).len();
        if before[..end].ends_with("else") {
            let start = site.command.span.start + u32::try_from(end).unwrap_or(0) - 4;
            report(
                cx,
                script,
                Span::new(start, inner.span.start + 2),
                "this is a condition in a condition, not `elif`",
            )
            .help("write `elif`, and leave one `fi` out")
            .done();
        }
    }
}
