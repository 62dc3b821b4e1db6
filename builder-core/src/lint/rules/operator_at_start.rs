//! `SC1133`.

use crate::lint::prelude::*;

rule! {
    /// ## What it does
    /// Finds `&&`, `||` or `|` at the beginning of a script.
    ///
    /// ## Why it matters
    /// The shell refuses it, and the build fails.
    ///
    /// ## Example
    /// ```dockerfile
    /// RUN && make
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// RUN make
    /// ```
    RULE {
        id: "operator-at-start",
        codes: &["SC1133"],
        summary: "an operator with no command before it",
        level: Level::Error,
        group: Group::Shell,
        activation: Activation::Default,
        fixable: Fixable::Never,
        status: FIRST,
        check: Check::Script(check),
    }
}

fn check(cx: &Context<'_>, script: &ScriptView<'_>) {
    if let Some((span, message)) = crate::lint::sh::syntax_error(cx, script, "SC1133") {
        cx.report(script.view.index, script.place(span), message).done();
    }
}
