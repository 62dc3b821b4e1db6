//! `SC1072`.

use crate::lint::prelude::*;

rule! {
    /// ## What it does
    /// Finds a script that is not complete or has something where it cannot be.
    ///
    /// ## Why it matters
    /// The shell refuses it, and the build fails.
    ///
    /// ## Example
    /// ```dockerfile
    /// RUN if true; then make
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// RUN if true; then make; fi
    /// ```
    RULE {
        id: "shell-syntax",
        codes: &["SC1072"],
        summary: "a script that no shell can read",
        level: Level::Error,
        group: Group::Shell,
        activation: Activation::Default,
        fixable: Fixable::Never,
        status: FIRST,
        check: Check::Script(check),
    }
}

fn check(cx: &Context<'_>, script: &ScriptView<'_>) {
    if let Some((span, message)) = crate::lint::sh::syntax_error(cx, script, "SC1072") {
        cx.report(script.view.index, script.place(span), message).done();
    }
}
