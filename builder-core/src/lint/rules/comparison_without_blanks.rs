//! `SC2077`.

use crate::lint::prelude::*;
use crate::lint::sh::{is_operator, report, tests};
use crate::shell::{Index, PartKind};

rule! {
    /// ## What it does
    /// Finds `[ "$a"="b" ]`.
    ///
    /// ## Why it matters
    /// Without blanks it is one text, which is always true.
    ///
    /// ## Example
    /// ```dockerfile
    /// RUN if [ "$NAME"="app" ]; then echo app; fi
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// RUN if [ "$NAME" = "app" ]; then echo app; fi
    /// ```
    RULE {
        id: "comparison-without-blanks",
        codes: &["SC2077"],
        summary: "a comparison without blanks is a constant",
        level: Level::Error,
        group: Group::Shell,
        activation: Activation::Default,
        fixable: Fixable::Never,
        status: FIRST,
        check: Check::Tree(check),
    }
}

fn check(cx: &Context<'_>, script: &ScriptView<'_>, index: &Index<'_>) {
    for test in tests(index) {
        for (at, word) in test.words.iter().enumerate() {
            let joins = ["-a", "-o", "&&", "||", "!", "(", ")"];
            let begins = at == 0 || is_operator(&test.words[at - 1], &joins);
            let ends = at + 1 == test.words.len() || is_operator(&test.words[at + 1], &joins[..4]);
            let equals = word.parts.iter().find(
                |part| matches!(&part.kind, PartKind::Literal(text) if text.contains('=') && !text.starts_with('-')),
            );
            let is_comparison = word.literal().is_none();
            if let Some(part) = equals.filter(|_| begins && ends && is_comparison) {
                let text = script.slice(part.span);
                let at = part.span.start + u32::try_from(text.find('=').unwrap_or(0)).unwrap_or(0);
                report(cx, script, Span::new(at, at + 1), "blanks are missing around this operator").done();
            }
        }
    }
}
