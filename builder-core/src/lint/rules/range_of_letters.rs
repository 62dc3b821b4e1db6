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
    /// RUN pip install coverage[toml] requests[socks]
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// RUN pip install "coverage[toml]" "requests[socks]"
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
    // `name[…]=` looks like an assignment to the parser.
    for site in index.words.iter().filter(|site| matches!(site.role, WordRole::Argument(_))) {
        let Some(place) = site.word.as_assignment().filter(|known| known.index.is_some()).map(|known| known.name.span)
        else {
            continue;
        };
        let text = script.slice(site.word.span);
        let inner = text.split_once('[').and_then(|(_, rest)| rest.split_once(']')).map_or("", |(inner, _)| inner);
        if is_twice(inner) && !inner.contains(['$', '`', '"', '\'']) {
            let span = Span::new(place.end, place.end + u32::try_from(inner.len()).unwrap_or(0) + 2);
            report(cx, script, span, "this stands for one of the characters, not for the text").done();
        }
    }
    for site in &index.parts {
        let PartKind::Glob(text) = &site.part.kind else { continue };
        let Some(inner) = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')) else { continue };
        let inner = inner.strip_prefix(['!', '^']).unwrap_or(inner);
        let in_test = matches!(site.place.role, WordRole::Test);
        if is_twice(inner) && !inner.contains(['[', '\\']) && !in_test && !inner.starts_with(':') {
            report(cx, script, site.part.span, "this stands for one of the characters, not for the text").done();
        }
    }
}

/// A character stands in it twice.
fn is_twice(inner: &str) -> bool {
    let mut letters: Vec<char> = inner.chars().filter(|c| *c != '-').collect();
    letters.sort_unstable();
    letters.windows(2).any(|two| two[0] == two[1])
}
