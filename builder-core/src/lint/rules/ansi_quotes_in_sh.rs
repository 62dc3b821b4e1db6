//! `SC3003`.

use crate::lint::prelude::*;
use crate::lint::sh::report;
use crate::shell::{Index, PartKind};

rule! {
    /// ## What it does
    /// Finds `$'…'` in a script for `sh`.
    ///
    /// ## Why it matters
    /// Debian's `/bin/sh` and that of Alpine do not know it: the command fails, or does something else. It works in
    /// `bash` only.
    ///
    /// ## Example
    /// ```dockerfile
    /// RUN echo $'a\tb' > /list
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// RUN printf 'a\tb\n' > /list
    /// ```
    RULE {
        id: "ansi-quotes-in-sh",
        codes: &["SC3003"],
        summary: "`$'…'`, which POSIX sh does not know",
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
    for site in &index.parts {
        if matches!(site.part.kind, PartKind::AnsiQuoted(_)) {
            report(cx, script, site.part.span, "POSIX sh has no `$'…'`").done();
        }
    }
}
