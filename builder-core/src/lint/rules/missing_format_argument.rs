//! `SC2183`.

use crate::lint::prelude::*;
use crate::lint::sh::{calls, report};
use crate::shell::Index;

rule! {
    /// ## What it does
    /// Finds `printf` with fewer arguments than its format has places.
    ///
    /// ## Why it matters
    /// The rest is empty or 0.
    ///
    /// ## Example
    /// ```dockerfile
    /// RUN printf "%s %s\n" app > /names
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// RUN printf "%s %s\n" app other > /names
    /// ```
    RULE {
        id: "missing-format-argument",
        codes: &["SC2183"],
        summary: "`printf` has fewer arguments than its format asks for",
        level: Level::Warning,
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
        let places = text.replace("%%", "").matches('%').count();
        let is_open = arguments.iter().any(|word| {
            word.has_expansion() && !word.is_quoted()
                || word.has_glob()
                || word.text(script.text.as_str()).contains('@')
        });
        if !arguments.is_empty()
            && arguments.len() % places.max(1) != 0
            && !is_open
            && places > 0
            && !text.contains('*')
        {
            report(
                cx,
                script,
                format.span,
                format!("the format has {places} places, for {} arguments", arguments.len()),
            )
            .done();
        }
    }
}
