//! `SC1036`.

use crate::lint::prelude::*;

rule! {
    /// ## What it does
    /// Finds `(a).b(c)`.
    ///
    /// ## Why it matters
    /// The shell refuses it, and the build fails.
    ///
    /// ## Example
    /// ```dockerfile
    /// RUN (make).run('a')
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// RUN (make)
    /// ```
    RULE {
        id: "text-behind-parenthesis",
        codes: &["SC1036"],
        summary: "text right behind a closing parenthesis",
        level: Level::Error,
        group: Group::Shell,
        activation: Activation::Default,
        fixable: Fixable::Never,
        status: FIRST,
        check: Check::Script(check),
    }
}

fn check(cx: &Context<'_>, script: &ScriptView<'_>) {
    if let Some((span, message)) = crate::lint::sh::syntax_error(cx, script, "SC1036") {
        cx.report(script.view.index, script.place(span), message).done();
    }
}
