//! `SC2043`.

use crate::lint::prelude::*;
use crate::lint::sh::report;
use crate::shell::{CommandKind, Index, PartKind, WordPart};

rule! {
    /// ## What it does
    /// Finds `for` over a single constant word.
    ///
    /// ## Why it matters
    /// It runs once: a `$`, a `*` or more words are missing.
    ///
    /// ## Example
    /// ```dockerfile
    /// RUN for file in config; do cp "$file" /srv; done
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// RUN for file in config/*; do cp "$file" /srv; done
    /// ```
    RULE {
        id: "loop-over-one",
        codes: &["SC2043"],
        summary: "a loop that runs once",
        level: Level::Warning,
        group: Group::Shell,
        activation: Activation::Default,
        fixable: Fixable::Never,
        status: FIRST,
        check: Check::Tree(check),
    }
}

fn check(cx: &Context<'_>, script: &ScriptView<'_>, index: &Index<'_>) {
    for site in &index.commands {
        let CommandKind::For { select: false, words: Some(words), .. } = &site.command.kind else { continue };
        let [word] = words.as_slice() else { continue };
        let is_single = matches!(word.parts.as_slice(), [WordPart { kind: PartKind::SingleQuoted(_), .. }]);
        let is_braces = word.parts.iter().any(|part| matches!(part.kind, PartKind::Braces(_)));
        if !word.has_expansion() && !word.has_glob() && !is_single && !is_braces {
            report(cx, script, word.span, "this loop runs once, for a constant").done();
        }
    }
}
