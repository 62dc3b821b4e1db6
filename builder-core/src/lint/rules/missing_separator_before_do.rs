//! `SC1063`.

use crate::lint::prelude::*;

rule! {
    /// ## What it does
    /// Finds a `for` whose words are not ended by `;` before `do`.
    ///
    /// ## Why it matters
    /// The shell refuses it, and the build fails.
    ///
    /// ## Example
    /// ```dockerfile
    /// RUN for name in a b do make "$name"; done
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// RUN for name in a b; do make "$name"; done
    /// ```
    RULE {
        id: "missing-separator-before-do",
        codes: &["SC1063"],
        summary: "no semicolon before `do`",
        level: Level::Error,
        group: Group::Shell,
        activation: Activation::Default,
        fixable: Fixable::Never,
        status: FIRST,
        check: Check::Script(check),
    }
}

fn check(cx: &Context<'_>, script: &ScriptView<'_>) {
    if let Some((span, message)) = crate::lint::sh::syntax_error(cx, script, "SC1063") {
        cx.report(script.view.index, script.place(span), message).done();
    }
}
