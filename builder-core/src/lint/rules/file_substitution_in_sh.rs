//! `SC3034`.

use crate::lint::prelude::*;
use crate::lint::sh::report;
use crate::shell::{CommandKind, Index, PartKind, RedirectOperator};

rule! {
    /// ## What it does
    /// Finds `$(<file)` in a script for `sh`.
    ///
    /// ## Why it matters
    /// Debian's `/bin/sh` and that of Alpine do not know it: the command fails, or does something else. It works in
    /// `bash` only.
    ///
    /// ## Example
    /// ```dockerfile
    /// RUN echo "$(</etc/hostname)"
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// RUN cat /etc/hostname
    /// ```
    RULE {
        id: "file-substitution-in-sh",
        codes: &["SC3034"],
        summary: "`$(<file)`, which POSIX sh does not know",
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
        let PartKind::CommandSubstitution { body, .. } = &site.part.kind else { continue };
        let [item] = body.items.as_slice() else { continue };
        let ([], [command]) = (item.rest.as_slice(), item.first.commands.as_slice()) else { continue };
        let CommandKind::Simple(simple) = &command.kind else { continue };
        let is_empty = simple.words.is_empty() && simple.assignments.is_empty();
        if is_empty && matches!(command.redirects.as_slice(), [redirect] if redirect.operator == RedirectOperator::Read)
        {
            report(cx, script, site.part.span, "POSIX sh does not read a file here").help("use `cat`").done();
        }
    }
}
