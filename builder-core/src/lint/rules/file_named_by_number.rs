//! `SC2210`.

use crate::lint::prelude::*;
use crate::lint::sh::{is, is_bare, report};
use crate::shell::{CommandKind, CommandSite, Index, RedirectOperator};

rule! {
    /// ## What it does
    /// Finds `> 1` and `2>1`.
    ///
    /// ## Why it matters
    /// It writes a file called `1`. A descriptor is `>&1`.
    ///
    /// ## Example
    /// ```dockerfile
    /// RUN make 2>1
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// RUN make 2>&1
    /// ```
    RULE {
        id: "file-named-by-number",
        codes: &["SC2210"],
        summary: "a redirection to a file that is called like a number",
        level: Level::Warning,
        group: Group::Shell,
        activation: Activation::Default,
        fixable: Fixable::Never,
        status: FIRST,
        check: Check::Tree(check),
    }
}

fn check(cx: &Context<'_>, script: &ScriptView<'_>, index: &Index<'_>) {
    // In `[ … ]` it is a comparison to ShellCheck.
    for redirect in index.commands.iter().filter(|site| !is_test(site)).flat_map(|site| &site.command.redirects) {
        let is_file =
            matches!(redirect.operator, RedirectOperator::Write | RedirectOperator::Append | RedirectOperator::Read);
        let is_number =
            redirect.target.literal().is_some_and(|text| !text.is_empty() && text.chars().all(|c| c.is_ascii_digit()));
        if is_file && is_number && is_bare(&redirect.target) {
            let at = redirect.descriptor.as_ref().map_or(redirect.span.start, |known| known.span.end);
            report(cx, script, Span::new(at, redirect.span.end), "this writes a file whose name is a number").done();
        }
    }
}

fn is_test(site: &CommandSite<'_>) -> bool {
    let CommandKind::Simple(simple) = &site.command.kind else { return false };
    simple.words.first().is_some_and(|word| is(word, "["))
}
