//! `SC2027`.

use crate::lint::prelude::*;
use crate::lint::sh::{is_one_expansion, report};
use crate::shell::{Index, PartKind, WordRole};

rule! {
    /// ## What it does
    /// Finds `"a"$b"c"`.
    ///
    /// ## Why it matters
    /// The variable is outside of the quotes, which is mostly a quote inside of quotes.
    ///
    /// ## Example
    /// ```dockerfile
    /// RUN bash -c "echo "$NAME" done"
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// RUN bash -c "echo \"$NAME\" done"
    /// ```
    RULE {
        id: "variable-between-quotes",
        codes: &["SC2027"],
        summary: "quotes end around a variable",
        level: Level::Warning,
        group: Group::Shell,
        activation: Activation::Default,
        fixable: Fixable::Never,
        status: FIRST,
        check: Check::Tree(check),
    }
}

fn check(cx: &Context<'_>, script: &ScriptView<'_>, index: &Index<'_>) {
    for site in index.words.iter().filter(|site| site.role != WordRole::Test) {
        for three in site.word.parts.windows(3) {
            let [first, middle, last] = three else { continue };
            let (
                PartKind::DoubleQuoted { dollar: false, parts },
                PartKind::DoubleQuoted { dollar: false, parts: more },
            ) = (&first.kind, &last.kind)
            else {
                continue;
            };
            let is_expansion =
                matches!(middle.kind, PartKind::Parameter(_) | PartKind::CommandSubstitution { backticks: false, .. });
            if is_expansion && !(is_one_expansion(parts) && is_one_expansion(more)) {
                report(cx, script, middle.span, "this is outside of the quotes on both sides").done();
            }
        }
    }
}
