//! `SC2113`.

use crate::lint::prelude::*;
use crate::lint::sh::report;
use crate::shell::{CommandKind, Index};

rule! {
    /// ## What it does
    /// Finds `function name { … }`.
    ///
    /// ## Why it matters
    /// POSIX shells do not know it: `name() { … }` works everywhere.
    ///
    /// ## Example
    /// ```dockerfile
    /// RUN function build { make; }; build
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// RUN build() { make; }; build
    /// ```
    RULE {
        id: "function-keyword",
        codes: &["SC2113"],
        summary: "the word `function`",
        level: Level::Warning,
        group: Group::Shell,
        activation: Activation::Default,
        fixable: Fixable::Never,
        status: FIRST,
        check: Check::Tree(check),
    }
}

fn check(cx: &Context<'_>, script: &ScriptView<'_>, index: &Index<'_>) {
    if !script.grammar.is_narrow() {
        return;
    }
    for site in &index.commands {
        if let CommandKind::Function { keyword: true, .. } = &site.command.kind {
            report(cx, script, site.command.span, "POSIX shells do not know the word `function`").done();
        }
    }
}
