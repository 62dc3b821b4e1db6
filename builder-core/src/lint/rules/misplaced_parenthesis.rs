//! `SC1088`.

use crate::lint::prelude::*;

rule! {
    /// ## What it does
    /// Finds `(` where an argument should be.
    ///
    /// ## Why it matters
    /// The shell refuses it, and the build fails.
    ///
    /// ## Example
    /// ```dockerfile
    /// RUN echo a b(c)
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// RUN echo "a b(c)"
    /// ```
    RULE {
        id: "misplaced-parenthesis",
        codes: &["SC1088"],
        summary: "a parenthesis among the arguments of a command",
        level: Level::Error,
        group: Group::Shell,
        activation: Activation::Default,
        fixable: Fixable::Never,
        status: FIRST,
        check: Check::Script(check),
    }
}

fn check(cx: &Context<'_>, script: &ScriptView<'_>) {
    if let Some((span, message)) = crate::lint::sh::syntax_error(cx, script, "SC1088") {
        cx.report(script.view.index, script.place(span), message).done();
    }
}
