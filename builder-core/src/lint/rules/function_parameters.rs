//! `SC1065`.

use crate::lint::prelude::*;

rule! {
    /// ## What it does
    /// Finds a function that is written with parameters.
    ///
    /// ## Why it matters
    /// The shell refuses it, and the build fails.
    ///
    /// ## Example
    /// ```dockerfile
    /// RUN both(first) { make "$1"; }; both all
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// RUN both() { make "$1"; }; both all
    /// ```
    RULE {
        id: "function-parameters",
        codes: &["SC1065"],
        summary: "a function with parameters in its parentheses",
        level: Level::Error,
        group: Group::Shell,
        activation: Activation::Default,
        fixable: Fixable::Never,
        status: FIRST,
        check: Check::Script(check),
    }
}

fn check(cx: &Context<'_>, script: &ScriptView<'_>) {
    if let Some((span, message)) = crate::lint::sh::syntax_error(cx, script, "SC1065") {
        cx.report(script.view.index, script.place(span), message).done();
    }
}
