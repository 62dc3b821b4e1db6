//! `SC1141`.

use crate::lint::prelude::*;

rule! {
    /// ## What it does
    /// Finds words behind `fi`, `done` or `)`.
    ///
    /// ## Why it matters
    /// The shell refuses it, and the build fails.
    ///
    /// ## Example
    /// ```dockerfile
    /// RUN (make) install
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// RUN (make) && make install
    /// ```
    RULE {
        id: "text-behind-compound",
        codes: &["SC1141"],
        summary: "words behind a closing keyword",
        level: Level::Error,
        group: Group::Shell,
        activation: Activation::Default,
        fixable: Fixable::Never,
        status: FIRST,
        check: Check::Script(check),
    }
}

fn check(cx: &Context<'_>, script: &ScriptView<'_>) {
    if let Some((span, message)) = crate::lint::sh::syntax_error(cx, script, "SC1141") {
        cx.report(script.view.index, script.place(span), message).done();
    }
}
