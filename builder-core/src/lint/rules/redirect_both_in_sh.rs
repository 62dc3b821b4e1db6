//! `SC3020`.

use crate::lint::prelude::*;
use crate::lint::sh::report;
use crate::shell::{Index, RedirectOperator};

rule! {
    /// ## What it does
    /// Finds `&>` in a script for `sh`.
    ///
    /// ## Why it matters
    /// Debian's `/bin/sh` and that of Alpine do not know it: the command fails, or does something else. It works in
    /// `bash` only.
    ///
    /// ## Example
    /// ```dockerfile
    /// RUN make &> /build.log
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// RUN make > /build.log 2>&1
    /// ```
    RULE {
        id: "redirect-both-in-sh",
        codes: &["SC3020"],
        summary: "`&>`, which POSIX sh does not know",
        level: Level::Warning,
        group: Group::Shell,
        activation: Activation::Default,
        fixable: Fixable::Never,
        status: FIRST,
        check: Check::Tree(check),
    }
}

fn check(cx: &Context<'_>, script: &ScriptView<'_>, index: &Index<'_>) {
    if !script.grammar.is_narrow() {
        return;
    }
    for redirect in index.commands.iter().flat_map(|site| &site.command.redirects) {
        if redirect.operator == RedirectOperator::WriteBoth {
            let at = redirect.descriptor.as_ref().map_or(redirect.span.start, |known| known.span.end);
            report(
                cx,
                script,
                Span::new(at, redirect.span.end),
                "POSIX sh takes `&>` for `&` and `>`: the command runs in the background",
            )
            .done();
        }
    }
}
