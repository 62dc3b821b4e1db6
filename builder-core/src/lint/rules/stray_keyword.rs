//! `SC1089`.

use crate::lint::prelude::*;

rule! {
    /// ## What it does
    /// Finds `)`, `}`, `fi`, `done` and the like with nothing before that they would end.
    ///
    /// ## Why it matters
    /// The shell refuses it, and the build fails.
    ///
    /// ## Example
    /// ```dockerfile
    /// RUN make; fi
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// RUN make
    /// ```
    RULE {
        id: "stray-keyword",
        codes: &["SC1089"],
        summary: "a word that ends something has nothing to end",
        level: Level::Error,
        group: Group::Shell,
        activation: Activation::Default,
        fixable: Fixable::Never,
        status: FIRST,
        check: Check::Script(check),
    }
}

fn check(cx: &Context<'_>, script: &ScriptView<'_>) {
    if let Some((span, message)) = crate::lint::sh::syntax_error(cx, script, "SC1089") {
        cx.report(script.view.index, script.place(span), message).done();
    }
}
