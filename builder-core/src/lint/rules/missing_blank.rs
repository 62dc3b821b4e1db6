//! `SC1035`.

use crate::lint::prelude::*;
use crate::lint::sh::{leading, report};
use crate::shell::{Index, PartKind, WordPart};

rule! {
    /// ## What it does
    /// Finds `!command`.
    ///
    /// ## Why it matters
    /// The shell takes the `!` for a part of the name of the command.
    ///
    /// ## Example
    /// ```dockerfile
    /// RUN if !grep -q root /etc/passwd; then exit 1; fi
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// RUN if ! grep -q root /etc/passwd; then exit 1; fi
    /// ```
    ///
    /// ## Fix safety
    /// Unsafe: no command has such a name, so that what comes of the fix is another outcome.
    RULE {
        id: "missing-blank",
        codes: &["SC1035"],
        summary: "a blank is missing behind `!`",
        level: Level::Error,
        group: Group::Shell,
        activation: Activation::Default,
        fixable: Fixable::Always,
        status: FIRST,
        check: Check::Tree(check),
    }
}

fn check(cx: &Context<'_>, script: &ScriptView<'_>, index: &Index<'_>) {
    for (simple, _) in index.simple() {
        let Some(word) = simple.words.first() else { continue };
        let text = leading(word);
        let is_bang = text.len() > 1
            && text.starts_with('!')
            && matches!(word.parts.first(), Some(WordPart { kind: PartKind::Literal(_), .. }));
        if is_bang {
            let span = Span::new(word.span.start + 1, word.span.start + 1);
            let edit = Edit::insert(script.place(span).start, " ");
            report(cx, script, Span::new(word.span.start + 1, word.span.end), "a blank is missing behind the `!`")
                .fix(Fix::risky("put a blank there", vec![edit]))
                .done();
        }
    }
}
