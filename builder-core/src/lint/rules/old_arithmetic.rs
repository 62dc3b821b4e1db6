//! `SC2007`.

use crate::lint::prelude::*;
use crate::lint::sh::report;
use crate::shell::{Index, PartKind};

rule! {
    /// ## What it does
    /// Finds `$[…]`.
    ///
    /// ## Why it matters
    /// It is older than POSIX, and `bash` alone still knows it.
    ///
    /// ## Example
    /// ```dockerfile
    /// RUN echo "$[1 + 1]" > /n
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// RUN echo "$((1 + 1))" > /n
    /// ```
    RULE {
        id: "old-arithmetic",
        codes: &["SC2007"],
        summary: "`$[…]` rather than `$((…))`",
        level: Level::Style,
        group: Group::Shell,
        activation: Activation::Default,
        fixable: Fixable::Never,
        status: FIRST,
        check: Check::Tree(check),
    }
}

fn check(cx: &Context<'_>, script: &ScriptView<'_>, index: &Index<'_>) {
    for site in &index.parts {
        if let PartKind::Arithmetic { brackets: true, .. } = &site.part.kind {
            report(cx, script, site.part.span, "only bash still knows `$[…]`").help("write `$((…))`").done();
        }
    }
}
