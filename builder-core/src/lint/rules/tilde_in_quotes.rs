//! `SC2088`.

use crate::lint::prelude::*;
use crate::lint::sh::report;
use crate::shell::{Index, PartKind, WordPart};

rule! {
    /// ## What it does
    /// Finds `"~/…"`.
    ///
    /// ## Why it matters
    /// A folder of that name is looked for, and not the home folder.
    ///
    /// ## Example
    /// ```dockerfile
    /// RUN cp /app.conf "~/.app.conf"
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// RUN cp /app.conf "$HOME/.app.conf"
    /// ```
    RULE {
        id: "tilde-in-quotes",
        codes: &["SC2088"],
        summary: "`~` in quotes stays as it is written",
        level: Level::Warning,
        group: Group::Shell,
        activation: Activation::Default,
        fixable: Fixable::Never,
        status: FIRST,
        check: Check::Tree(check),
    }
}

fn check(cx: &Context<'_>, script: &ScriptView<'_>, index: &Index<'_>) {
    for site in &index.words {
        let Some(first) = site.word.parts.first() else { continue };
        let span = match &first.kind {
            PartKind::SingleQuoted(text) if text.starts_with("~/") => first.span,
            PartKind::DoubleQuoted { parts, .. } => match parts.first() {
                Some(WordPart { kind: PartKind::Literal(text), span }) if text.starts_with("~/") => *span,
                _ => continue,
            },
            _ => continue,
        };
        report(cx, script, span, "`~` in quotes is no home folder").help("write `$HOME`").done();
    }
}
