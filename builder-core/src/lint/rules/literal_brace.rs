//! `SC1083`.

use crate::lint::prelude::*;
use crate::lint::sh::report;
use crate::shell::{Index, PartKind, WordRole};

rule! {
    /// ## What it does
    /// Finds `{` and `}` outside of quotes that open and close nothing.
    ///
    /// ## Why it matters
    /// A `;` or a blank is missing, or quotes are.
    ///
    /// ## Example
    /// ```dockerfile
    /// RUN { make }; }
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// RUN { make; }
    /// ```
    RULE {
        id: "literal-brace",
        codes: &["SC1083"],
        summary: "a lone brace is an ordinary character",
        level: Level::Warning,
        group: Group::Shell,
        activation: Activation::Default,
        fixable: Fixable::Never,
        status: FIRST,
        check: Check::Tree(check),
    }
}

fn check(cx: &Context<'_>, script: &ScriptView<'_>, index: &Index<'_>) {
    for site in &index.parts {
        let PartKind::Literal(text) = &site.part.kind else { continue };
        let place = site.place;
        let is_quiet = place.double_quoted
            || place.arithmetic
            || place.index
            || place.operand.is_some()
            || matches!(place.role, WordRole::HereDocument | WordRole::Arithmetic | WordRole::HereDelimiter);
        if is_quiet || text == "{}" {
            continue;
        }
        for (at, c) in text.char_indices().filter(|(_, c)| ['{', '}'].contains(c)) {
            let empty = text.get(at..at + 2) == Some("{}") || at > 0 && text.get(at - 1..=at) == Some("{}");
            let start = site.part.span.start + u32::try_from(at).unwrap_or(0);
            if !empty && script.slice(site.part.span).len() == text.len() {
                report(cx, script, Span::new(start, start + 1), format!("this `{c}` opens and closes nothing")).done();
            }
        }
    }
}
