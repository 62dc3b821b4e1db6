//! `SC2283`.

use crate::lint::prelude::*;
use crate::lint::sh::{is, leading, report};
use crate::shell::{Index, PartKind, WordPart};

rule! {
    /// ## What it does
    /// Finds `name = value`.
    ///
    /// ## Why it matters
    /// The name is taken for a command.
    ///
    /// ## Example
    /// ```dockerfile
    /// RUN version = 1
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// RUN version=1
    /// ```
    RULE {
        id: "blanks-around-equals",
        codes: &["SC2283"],
        summary: "blanks around the `=` of an assignment",
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
        let Some((head, arguments)) = simple.words.split_first() else { continue };
        let Some(word) = arguments.first() else { continue };
        let text = leading(word);
        let is_equals = text.starts_with('=')
            && !text.starts_with("==")
            && matches!(word.parts.first(), Some(WordPart { kind: PartKind::Literal(_), .. }));
        if is_equals && !is(head, "[") && !is(head, "test") {
            report(cx, script, word.span, "blanks stand around this `=`").help("write it without blanks").done();
        }
    }
}
