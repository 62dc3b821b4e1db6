//! `SC2102`.

use crate::lint::prelude::*;
use crate::lint::sh::report;
use crate::shell::{Index, PartKind, WordRole};

rule! {
    /// ## What it does
    /// Finds `[…]` with a letter twice in it.
    ///
    /// ## Why it matters
    /// It stands for one of the characters, not for the text.
    ///
    /// ## Example
    /// ```dockerfile
    /// RUN pip install requests[security]
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// RUN pip install "requests[security]"
    /// ```
    RULE {
        id: "range-of-letters",
        codes: &["SC2102"],
        summary: "`[…]` stands for one character",
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
        let PartKind::Glob(text) = &site.part.kind else { continue };
        let Some(inner) = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')) else { continue };
        let inner = inner.strip_prefix(['!', '^']).unwrap_or(inner);
        let in_test = matches!(site.place.role, WordRole::Test);
        let mut letters: Vec<char> = inner.chars().filter(|c| *c != '-').collect();
        letters.sort_unstable();
        let twice = letters.windows(2).any(|two| two[0] == two[1]);
        if twice && !inner.contains(['[', '\\']) && !in_test && !inner.starts_with(':') {
            report(cx, script, site.part.span, "this stands for one of the characters, not for the text").done();
        }
    }
}
