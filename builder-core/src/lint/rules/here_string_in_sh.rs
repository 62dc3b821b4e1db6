//! `SC3011`.

use crate::lint::prelude::*;
use crate::lint::sh::report;
use crate::shell::{Index, RedirectOperator};

rule! {
    /// ## What it does
    /// Finds `<<<` in a script for `sh`.
    ///
    /// ## Why it matters
    /// Debian's `/bin/sh` and that of Alpine do not know it: the command fails, or does something else. It works in
    /// `bash` only.
    ///
    /// ## Example
    /// ```dockerfile
    /// RUN cat <<< "$NAME"
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// RUN printf "%s\n" "$NAME" | cat
    /// ```
    RULE {
        id: "here-string-in-sh",
        codes: &["SC3011"],
        summary: "`<<<`, which POSIX sh does not know",
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
        if redirect.operator == RedirectOperator::HereString {
            let at = redirect.descriptor.as_ref().map_or(redirect.span.start, |known| known.span.end);
            report(cx, script, Span::new(at, redirect.span.end), "POSIX sh has no `<<<`").done();
        }
    }
}
