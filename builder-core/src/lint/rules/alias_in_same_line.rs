//! `SC2263`.

use crate::lint::prelude::*;
use crate::lint::sh::{calls, report};
use crate::shell::{Index, Word};

rule! {
    /// ## What it does
    /// Finds an alias that is used in the same line of the script.
    ///
    /// ## Why it matters
    /// The shell reads a whole line before it runs it: the alias is not known yet.
    ///
    /// ## Example
    /// ```dockerfile
    /// RUN alias ll='ls -l'; ll /srv
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// RUN ls -l /srv
    /// ```
    RULE {
        id: "alias-in-same-line",
        codes: &["SC2263"],
        summary: "an alias is used on the line that defines it",
        level: Level::Info,
        group: Group::Shell,
        activation: Activation::Default,
        fixable: Fixable::Never,
        status: FIRST,
        check: Check::Tree(check),
    }
}

fn check(cx: &Context<'_>, script: &ScriptView<'_>, index: &Index<'_>) {
    let mut aliases: Vec<(String, u32)> = Vec::new();
    let line = |at: u32| script.slice(Span::new(0, at)).matches('\n').count();
    for call in calls(index) {
        if aliases.iter().any(|(name, at)| *name == call.name && line(*at) == line(call.span.start)) {
            report(cx, script, call.head.span, format!("the alias `{}` is not known yet on this line", call.name))
                .done();
        }
        if call.name == "alias" {
            let names =
                call.args.iter().filter_map(Word::as_assignment).map(|known| (known.name.value, call.span.start));
            aliases.extend(names);
        }
    }
}
