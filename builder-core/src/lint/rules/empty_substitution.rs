//! `SC2327`.

use crate::lint::prelude::*;
use crate::lint::sh::report;
use crate::shell::Index;

rule! {
    /// ## What it does
    /// Finds `$(command > file)`.
    ///
    /// ## Why it matters
    /// The substitution gives nothing.
    ///
    /// ## Example
    /// ```dockerfile
    /// RUN if [ "$(make > /build.log)" = done ]; then echo ok; fi
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// RUN make > /build.log && echo ok
    /// ```
    RULE {
        id: "empty-substitution",
        codes: &["SC2327"],
        summary: "the output of a substitution goes to a file",
        level: Level::Warning,
        group: Group::Shell,
        activation: Activation::Default,
        fixable: Fixable::Never,
        status: FIRST,
        check: Check::Tree(check),
    }
}

fn check(cx: &Context<'_>, script: &ScriptView<'_>, index: &Index<'_>) {
    for span in crate::lint::sh::redirected_substitutions(index).into_iter().map(|(span, _)| span) {
        report(cx, script, span, "this gives nothing: the output goes to a file").done();
    }
}
