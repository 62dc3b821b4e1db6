//! `SC2328`.

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
        id: "redirected-in-substitution",
        codes: &["SC2328"],
        summary: "the output goes to a file, and the substitution is empty",
        level: Level::Error,
        group: Group::Shell,
        activation: Activation::Default,
        fixable: Fixable::Never,
        status: FIRST,
        check: Check::Tree(check),
    }
}

fn check(cx: &Context<'_>, script: &ScriptView<'_>, index: &Index<'_>) {
    for redirect in crate::lint::sh::redirected_substitutions(index).into_iter().map(|(_, redirect)| redirect) {
        report(cx, script, redirect, "the output goes here, and not into the substitution").done();
    }
}
