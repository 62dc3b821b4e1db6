//! `SC2003`.

use crate::lint::prelude::*;
use crate::lint::sh::{calls, is, report};
use crate::shell::Index;

rule! {
    /// ## What it does
    /// Finds `expr`.
    ///
    /// ## Why it matters
    /// `$(( … ))` needs no program and no quoted operators.
    ///
    /// ## Example
    /// ```dockerfile
    /// RUN echo "$(expr 1 + 1)" > /n
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// RUN echo "$((1 + 1))" > /n
    /// ```
    RULE {
        id: "expr-for-arithmetic",
        codes: &["SC2003"],
        summary: "`expr` for what the shell can count itself",
        level: Level::Style,
        group: Group::Shell,
        activation: Activation::Default,
        fixable: Fixable::Never,
        status: FIRST,
        check: Check::Tree(check),
    }
}

fn check(cx: &Context<'_>, script: &ScriptView<'_>, index: &Index<'_>) {
    for call in calls(index).filter(|call| call.base() == "expr") {
        let is_text = call
            .args
            .iter()
            .any(|word| is(word, ":") || is(word, "<") || is(word, ">") || is(word, "<=") || is(word, ">="))
            || call.literal(0).is_some_and(|verb| ["match", "length", "substr", "index"].contains(&verb.as_ref()));
        if !is_text {
            report(cx, script, call.head.span, "the shell can count this itself").help("write `$(( … ))`").done();
        }
    }
}
