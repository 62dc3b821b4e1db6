//! `SC1053`.

use crate::lint::prelude::*;

rule! {
    /// ## What it does
    /// Finds a `;` directly behind `else`.
    ///
    /// ## Why it matters
    /// The shell refuses it, and the build fails.
    ///
    /// ## Example
    /// ```dockerfile
    /// RUN if true; then make; else; make all; fi
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// RUN if true; then make; else make all; fi
    /// ```
    RULE {
        id: "separator-after-else",
        codes: &["SC1053"],
        summary: "a semicolon behind `else`",
        level: Level::Error,
        group: Group::Shell,
        activation: Activation::Default,
        fixable: Fixable::Never,
        status: FIRST,
        check: Check::Script(check),
    }
}

fn check(cx: &Context<'_>, script: &ScriptView<'_>) {
    if let Some((span, message)) = crate::lint::sh::syntax_error(cx, script, "SC1053") {
        cx.report(script.view.index, script.place(span), message).done();
    }
}
