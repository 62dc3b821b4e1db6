//! `SC2251`.

use crate::lint::prelude::*;
use crate::lint::sh::{report, stops_at_errors};
use crate::shell::{Construct, Index};

rule! {
    /// ## What it does
    /// Finds a command behind `!` in a script with `set -e`, with nothing that looks at its status.
    ///
    /// ## Why it matters
    /// `set -e` never stops at such a command, whether it succeeds or fails.
    ///
    /// ## Example
    /// ```dockerfile
    /// RUN set -e; ! grep -q debug /etc/app.conf; make
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// RUN set -e; if grep -q debug /etc/app.conf; then exit 1; fi; make
    /// ```
    RULE {
        id: "ignored-negation",
        codes: &["SC2251"],
        summary: "`!` keeps `set -e` from looking at a command",
        level: Level::Info,
        group: Group::Shell,
        activation: Activation::Default,
        fixable: Fixable::Never,
        status: FIRST,
        check: Check::Tree(check),
    }
}

fn check(cx: &Context<'_>, script: &ScriptView<'_>, index: &Index<'_>) {
    if !stops_at_errors(index) {
        return;
    }
    for (pipeline, site) in index.pipelines() {
        let in_function = index.is_inside(site.scope, Construct::Function);
        if let Some(span) = pipeline.negated.filter(|_| !site.checked && site.item.rest.is_empty() && !in_function) {
            let whole = span.cover(pipeline.span);
            report(cx, script, whole, "`set -e` never looks at a command behind `!`")
                .help("write `&& exit 1` after it")
                .done();
        }
    }
}
