//! `SC2148`.

use crate::lint::prelude::*;

rule! {
    /// ## What it does
    /// Finds a `RUN` below a `SHELL` whose first word is empty.
    ///
    /// ## Why it matters
    /// There is no such program, and every `RUN` fails.
    ///
    /// ## Example
    /// ```dockerfile
    /// SHELL [""]
    /// RUN make
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// SHELL ["/bin/sh", "-c"]
    /// RUN make
    /// ```
    RULE {
        id: "empty-shell",
        codes: &["SC2148"],
        summary: "a `SHELL` without a program",
        level: Level::Error,
        group: Group::Shell,
        activation: Activation::Default,
        fixable: Fixable::Never,
        status: FIRST,
        check: Check::Script(check),
    }
}

fn check(cx: &Context<'_>, script: &ScriptView<'_>) {
    let is_empty = script.outer_shell.words.first().is_some_and(|word| word.trim().is_empty());
    let checked =
        script.is_run() && !script.is_exec && (!cx.is_hadolint() || script.is_shellchecked(cx.options.dialect));
    if is_empty && checked {
        let span = Span::at(script.view.outer.span.start);
        cx.report(script.view.index, span, "the `SHELL` above names no program").done();
    }
}
