//! `SC1070`.

use crate::lint::prelude::*;

rule! {
    /// ## What it does
    /// Finds `;` with no command before it.
    ///
    /// ## Why it matters
    /// The shell refuses it, and the build fails.
    ///
    /// ## Example
    /// ```dockerfile
    /// RUN make; ; make install
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// RUN make; make install
    /// ```
    RULE {
        id: "stray-separator",
        codes: &["SC1070"],
        summary: "a `;` where a command should be",
        level: Level::Error,
        group: Group::Shell,
        activation: Activation::Default,
        fixable: Fixable::Never,
        status: FIRST,
        check: Check::Script(check),
    }
}

fn check(cx: &Context<'_>, script: &ScriptView<'_>) {
    if let Some((span, message)) = crate::lint::sh::syntax_error(cx, script, "SC1070") {
        cx.report(script.view.index, script.place(span), message).done();
    }
}
