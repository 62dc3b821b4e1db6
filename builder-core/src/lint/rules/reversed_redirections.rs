//! `SC2069`.

use crate::lint::prelude::*;
use crate::lint::sh::{is, report};
use crate::shell::{Index, RedirectOperator};

rule! {
    /// ## What it does
    /// Finds `2>&1` with a redirection of the output behind it.
    ///
    /// ## Why it matters
    /// Errors go where the output went before, not into the file.
    ///
    /// ## Example
    /// ```dockerfile
    /// RUN make 2>&1 >/build.log
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// RUN make >/build.log 2>&1
    /// ```
    RULE {
        id: "reversed-redirections",
        codes: &["SC2069"],
        summary: "`2>&1` before `>`",
        level: Level::Warning,
        group: Group::Shell,
        activation: Activation::Default,
        fixable: Fixable::Never,
        status: FIRST,
        check: Check::Tree(check),
    }
}

fn check(cx: &Context<'_>, script: &ScriptView<'_>, index: &Index<'_>) {
    for site in index.commands.iter().filter(|site| !site.writes_to_pipe()) {
        for (at, redirect) in site.command.redirects.iter().enumerate() {
            let is_both = redirect.operator == RedirectOperator::DuplicateOutput
                && redirect.descriptor.as_ref().is_some_and(|known| known.value == "2")
                && is(&redirect.target, "1");
            let later = site.command.redirects.iter().skip(at + 1).any(|other| {
                matches!(other.operator, RedirectOperator::Write | RedirectOperator::Append)
                    && other.descriptor.as_ref().is_none_or(|known| known.value == "1")
            });
            if is_both && later {
                report(cx, script, redirect.span, "errors go where the output went before, not into the file").done();
            }
        }
    }
}
