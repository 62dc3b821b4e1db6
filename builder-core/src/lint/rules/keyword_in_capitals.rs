//! `SC1081`.

use crate::lint::prelude::*;
use crate::lint::sh::report;
use crate::shell::{Index, PartKind, WordPart};

rule! {
    /// ## What it does
    /// Finds `IF`, `FOR`, `WHILE` and the like as the name of a command.
    ///
    /// ## Why it matters
    /// The shell takes them for names of programs.
    ///
    /// ## Example
    /// ```dockerfile
    /// RUN IF EXIST /a make
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// RUN if [ -e /a ]; then make; fi
    /// ```
    RULE {
        id: "keyword-in-capitals",
        codes: &["SC1081"],
        summary: "a keyword in capital letters",
        level: Level::Error,
        group: Group::Shell,
        activation: Activation::Default,
        fixable: Fixable::Never,
        status: FIRST,
        check: Check::Tree(check),
    }
}

fn check(cx: &Context<'_>, script: &ScriptView<'_>, index: &Index<'_>) {
    for (simple, _) in index.simple() {
        let Some(word) = simple.words.first() else { continue };
        let [WordPart { kind: PartKind::Literal(text), .. }] = word.parts.as_slice() else { continue };
        let is_keyword = ["IF", "WHILE", "UNTIL", "FOR", "CASE", "If", "While", "For"].contains(&text.as_str());
        if is_keyword {
            report(cx, script, word.span, format!("`{text}` is no keyword in capital letters")).done();
        }
    }
}
