//! `SC2260`.

use crate::lint::prelude::*;
use crate::lint::sh::report;
use crate::shell::Index;

rule! {
    /// ## What it does
    /// Finds `command > file | other`.
    ///
    /// ## Why it matters
    /// The second command gets nothing.
    ///
    /// ## Example
    /// ```dockerfile
    /// RUN make > /build.log | tail
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// RUN make | tee /build.log | tail
    /// ```
    RULE {
        id: "redirected-before-pipe",
        codes: &["SC2260"],
        summary: "the output goes to a file, and the pipe is empty",
        level: Level::Error,
        group: Group::Shell,
        activation: Activation::Default,
        fixable: Fixable::Never,
        status: FIRST,
        check: Check::Tree(check),
    }
}

fn check(cx: &Context<'_>, script: &ScriptView<'_>, index: &Index<'_>) {
    for site in index.commands.iter().filter(|site| site.writes_to_pipe()) {
        if let Some(redirect) = crate::lint::sh::output_redirect(site.command) {
            report(cx, script, redirect, "the output goes here, and the pipe is empty").help("use `tee`").done();
        }
    }
}
