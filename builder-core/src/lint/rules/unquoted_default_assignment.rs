//! `SC2223`.

use super::unquoted_variable::is_default_of_colon;
use crate::lint::prelude::*;
use crate::lint::sh::{is_unsplit, report};
use crate::shell::Index;

rule! {
    /// ## What it does
    /// Finds `: ${name:=value}` without quotes.
    ///
    /// ## Why it matters
    /// The value is looked up as a pattern for file names: with `/*/*/*` in it this takes long.
    ///
    /// ## Example
    /// ```dockerfile
    /// RUN : ${NAME:=builder}; make "$NAME"
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// RUN : "${NAME:=builder}"; make "$NAME"
    /// ```
    RULE {
        id: "unquoted-default-assignment",
        codes: &["SC2223"],
        summary: "a default that is assigned without quotes",
        level: Level::Info,
        group: Group::Shell,
        activation: Activation::Default,
        fixable: Fixable::Never,
        status: FIRST,
        check: Check::Tree(check),
    }
}

fn check(cx: &Context<'_>, script: &ScriptView<'_>, index: &Index<'_>) {
    for (parameter, site) in index.parameters() {
        let is_quiet = site.place.operand.is_some()
            || is_unsplit(script, index, site)
            || script.flow().is_plain(site.part.span.start);
        if !is_quiet && is_default_of_colon(parameter, index, site) {
            report(cx, script, site.part.span, "the shell looks for files of this name")
                .help("put quotes around it")
                .done();
        }
    }
}
