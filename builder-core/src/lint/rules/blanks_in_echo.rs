//! `SC2291`.

use crate::lint::prelude::*;
use crate::lint::sh::{calls, report};
use crate::shell::{Index, Word};

rule! {
    /// ## What it does
    /// Finds arguments of `echo` with several blanks between them.
    ///
    /// ## Why it matters
    /// `echo` writes one blank.
    ///
    /// ## Example
    /// ```dockerfile
    /// RUN echo name    value > /list
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// RUN echo "name    value" > /list
    /// ```
    RULE {
        id: "blanks-in-echo",
        codes: &["SC2291"],
        summary: "several blanks between the arguments of `echo`",
        level: Level::Info,
        group: Group::Shell,
        activation: Activation::Default,
        fixable: Fixable::Never,
        status: FIRST,
        check: Check::Tree(check),
    }
}

fn check(cx: &Context<'_>, script: &ScriptView<'_>, index: &Index<'_>) {
    for call in calls(index).filter(|call| call.name == "echo") {
        let is_wide = |two: &[Word]| {
            let gap = Span::new(two[0].span.end, two[1].span.start);
            let place = script.place(gap);
            // Blanks at the ends of continued lines are nobody's layout.
            gap.end > gap.start + 3
                && place.end - place.start == gap.end - gap.start
                && script.slice(gap).trim().is_empty()
        };
        if call.args.windows(2).any(is_wide) {
            report(cx, script, call.span, "`echo` writes one blank between its arguments")
                .help("put quotes around them")
                .done();
        }
    }
}
