//! `SC2238`.

use crate::lint::names;
use crate::lint::prelude::*;
use crate::lint::sh::{is_bare, report};
use crate::shell::{Index, RedirectOperator};

rule! {
    /// ## What it does
    /// Finds `> command`.
    ///
    /// ## Why it matters
    /// It writes a file. A `|` may have been meant.
    ///
    /// ## Example
    /// ```dockerfile
    /// RUN dmesg > grep
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// RUN dmesg | grep error
    /// ```
    RULE {
        id: "redirection-to-command",
        codes: &["SC2238"],
        summary: "a redirection to a file that is called like a command",
        level: Level::Warning,
        group: Group::Shell,
        activation: Activation::Default,
        fixable: Fixable::Never,
        status: FIRST,
        check: Check::Tree(check),
    }
}

fn check(cx: &Context<'_>, script: &ScriptView<'_>, index: &Index<'_>) {
    for redirect in index.commands.iter().flat_map(|site| &site.command.redirects) {
        let is_file =
            matches!(redirect.operator, RedirectOperator::Write | RedirectOperator::Read | RedirectOperator::Append);
        let Some(text) = redirect.target.literal().filter(|_| is_file && is_bare(&redirect.target)) else { continue };
        if names::is_common_command(&text) && !text.is_empty() {
            report(cx, script, redirect.target.span, format!("this is a file called `{text}`, not the command")).done();
        }
    }
}
