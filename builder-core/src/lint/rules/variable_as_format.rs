//! `SC2059`.

use crate::lint::prelude::*;
use crate::lint::sh::{bare_text, calls, report};
use crate::shell::{Index, PartKind, WordPart};

rule! {
    /// ## What it does
    /// Finds `printf` with a variable in its format.
    ///
    /// ## Why it matters
    /// A `%` or a backslash in the value is taken for a part of the format.
    ///
    /// ## Example
    /// ```dockerfile
    /// RUN printf "$MESSAGE\n" > /message
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// RUN printf '%s\n' "$MESSAGE" > /message
    /// ```
    RULE {
        id: "variable-as-format",
        codes: &["SC2059"],
        summary: "a variable in the format of `printf`",
        level: Level::Info,
        group: Group::Shell,
        activation: Activation::Default,
        fixable: Fixable::Never,
        status: FIRST,
        check: Check::Tree(check),
    }
}

fn check(cx: &Context<'_>, script: &ScriptView<'_>, index: &Index<'_>) {
    for call in calls(index).filter(|call| call.name == "printf") {
        let skipped = match call.literal(0).as_deref() {
            Some("--") => 1,
            Some("-v") => 2,
            _ => 0,
        };
        let Some(format) = call.args.get(skipped) else { continue };
        let is_list =
            matches!(format.only_part(), Some(WordPart { kind: PartKind::Parameter(known), .. }) if known.name == "@");
        let has_percent = bare_text(&format.parts).contains('%');
        if format.literal().is_none() && !has_percent && format.has_expansion() && !is_list {
            report(cx, script, format.span, "a `%` in the value is taken for a part of the format").done();
        }
    }
}
