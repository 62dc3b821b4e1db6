//! `SC2140`.

use crate::lint::prelude::*;
use crate::lint::sh::{is_one_expansion, report};
use crate::shell::{Index, PartKind, WordRole};

rule! {
    /// ## What it does
    /// Finds `"a"b"c"`.
    ///
    /// ## Why it matters
    /// The middle is outside of quotes, which is mostly a quote that ends too early.
    ///
    /// ## Example
    /// ```dockerfile
    /// RUN echo "key="value"x" > /etc/app.conf
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// RUN echo "key=\"value\"" > /etc/app.conf
    /// ```
    RULE {
        id: "text-between-quotes",
        codes: &["SC2140"],
        summary: "text between two quoted texts is outside of quotes",
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
        if site.role == WordRole::Test {
            continue;
        }
        for three in site.word.parts.windows(3) {
            let [first, middle, last] = three else { continue };
            let (
                PartKind::DoubleQuoted { dollar: false, parts },
                PartKind::Literal(text),
                PartKind::DoubleQuoted { dollar: false, parts: more },
            ) = (&first.kind, &middle.kind, &last.kind)
            else {
                continue;
            };
            let is_usual =
                is_one_expansion(parts) && is_one_expansion(more) || matches!(text.as_str(), "=" | ":" | "/");
            if !is_usual {
                report(cx, script, middle.span, format!("`{text}` is outside of the quotes on both sides")).done();
            }
        }
    }
}
