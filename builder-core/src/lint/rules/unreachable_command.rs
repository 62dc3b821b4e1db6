//! `SC2317`.

use crate::lint::prelude::*;
use crate::lint::sh::report;
use crate::shell::Index;

rule! {
    /// ## What it does
    /// Finds a command behind `exit` and the like.
    ///
    /// ## Why it matters
    /// It never runs.
    ///
    /// ## Example
    /// ```dockerfile
    /// RUN exit 0; make
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// RUN make
    /// ```
    RULE {
        id: "unreachable-command",
        codes: &["SC2317"],
        summary: "a command that is never come to",
        level: Level::Info,
        group: Group::Shell,
        activation: Activation::Default,
        fixable: Fixable::Never,
        status: FIRST,
        check: Check::Tree(check),
    }
}

fn check(cx: &Context<'_>, script: &ScriptView<'_>, index: &Index<'_>) {
    for site in index.commands.iter().filter(|site| !script.flow().is_reached(site.command)) {
        report(cx, script, site.command.span, "this command is never come to").done();
    }
}
