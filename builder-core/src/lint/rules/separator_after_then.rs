//! `SC1051`.

use crate::lint::prelude::*;

rule! {
    /// ## What it does
    /// Finds a `;` directly behind `then`.
    ///
    /// ## Why it matters
    /// The shell refuses it, and the build fails.
    ///
    /// ## Example
    /// ```dockerfile
    /// RUN if true; then; make; fi
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// RUN if true; then make; fi
    /// ```
    RULE {
        id: "separator-after-then",
        codes: &["SC1051"],
        summary: "a semicolon behind `then`",
        level: Level::Error,
        group: Group::Shell,
        activation: Activation::Default,
        fixable: Fixable::Never,
        status: FIRST,
        check: Check::Script(check),
    }
}

fn check(cx: &Context<'_>, script: &ScriptView<'_>) {
    if let Some((span, message)) = crate::lint::sh::syntax_error(cx, script, "SC1051") {
        cx.report(script.view.index, script.place(span), message).done();
    }
}
