//! `SC3021`.

use crate::lint::prelude::*;
use crate::lint::sh::{leading, report};
use crate::shell::{Index, RedirectOperator, Word};

rule! {
    /// ## What it does
    /// Finds `>& file` in a script for `sh`.
    ///
    /// ## Why it matters
    /// Debian's `/bin/sh` and that of Alpine do not know it: the command fails, or does something else. It works in
    /// `bash` only.
    ///
    /// ## Example
    /// ```dockerfile
    /// RUN make >& /build.log
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// RUN make > /build.log 2>&1
    /// ```
    RULE {
        id: "redirect-both-by-descriptor-in-sh",
        codes: &["SC3021"],
        summary: "`>& file`, which POSIX sh does not know",
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
        if redirect.operator == RedirectOperator::DuplicateOutput
            && redirect.descriptor.is_none()
            && !is_descriptor(&redirect.target)
        {
            let at = redirect.descriptor.as_ref().map_or(redirect.span.start, |known| known.span.end);
            report(cx, script, Span::new(at, redirect.span.end), "POSIX sh has no `>&` with a file").done();
        }
    }
}

fn is_descriptor(word: &Word) -> bool {
    let text = leading(word);
    let text = text.strip_suffix('-').unwrap_or(&text);
    word.has_expansion() || text.chars().all(|c| c.is_ascii_digit())
}
