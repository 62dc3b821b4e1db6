//! `SC2182`.

use crate::lint::prelude::*;
use crate::lint::sh::{calls, report};
use crate::shell::Index;

rule! {
    /// ## What it does
    /// Finds `printf` with arguments and a format without `%`.
    ///
    /// ## Why it matters
    /// Only the format is written.
    ///
    /// ## Example
    /// ```dockerfile
    /// RUN printf "name" app > /name
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// RUN printf "name %s" app > /name
    /// ```
    RULE {
        id: "format-without-places",
        codes: &["SC2182"],
        summary: "`printf` has arguments that its format does not use",
        level: Level::Error,
        group: Group::Shell,
        activation: Activation::Default,
        fixable: Fixable::Never,
        status: FIRST,
        check: Check::Tree(check),
    }
}

fn check(cx: &Context<'_>, script: &ScriptView<'_>, index: &Index<'_>) {
    for call in calls(index).filter(|call| call.name == "printf") {
        let Some((format, arguments)) = call.args.split_first() else { continue };
        let Some(text) = format.literal().filter(|text| !text.starts_with('-')) else { continue };
        if !arguments.is_empty() && !text.contains('%') {
            report(cx, script, format.span, "the format does not use the arguments").done();
        }
    }
}
