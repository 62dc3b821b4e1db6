//! `SC2231`.

use crate::lint::prelude::*;
use crate::lint::sh::report;
use crate::shell::{Index, PartKind, WordRole};

rule! {
    /// ## What it does
    /// Finds a variable outside of quotes in a pattern that `for` goes through.
    ///
    /// ## Why it matters
    /// A blank in the value takes the pattern apart.
    ///
    /// ## Example
    /// ```dockerfile
    /// RUN for file in $DIR/*; do cat "$file"; done
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// RUN for file in "$DIR"/*; do cat "$file"; done
    /// ```
    ///
    /// ## Fix safety
    /// Unsafe: where the value was meant to be several words, it is one afterwards.
    RULE {
        id: "unquoted-variable-in-loop",
        codes: &["SC2231"],
        summary: "a variable outside of quotes in the pattern of a loop",
        level: Level::Info,
        group: Group::Shell,
        activation: Activation::Default,
        fixable: Fixable::Always,
        status: FIRST,
        check: Check::Tree(check),
    }
}

fn check(cx: &Context<'_>, script: &ScriptView<'_>, index: &Index<'_>) {
    for site in index.words.iter().filter(|site| site.role == WordRole::ForItem && site.word.has_glob()) {
        for part in &site.word.parts {
            if matches!(part.kind, PartKind::Parameter(_)) {
                let place = script.place(part.span);
                let edits = vec![Edit::insert(place.start, "\""), Edit::insert(place.end, "\"")];
                report(cx, script, part.span, "a blank in the value takes the pattern apart")
                    .fix(Fix::risky("put quotes around it", edits))
                    .done();
            }
        }
    }
}
