//! `SC2261`.

use crate::lint::prelude::*;
use crate::lint::sh::report;
use crate::shell::{Index, Redirect, RedirectOperator};

rule! {
    /// ## What it does
    /// Finds a command with two redirections of the same descriptor.
    ///
    /// ## Why it matters
    /// Only the last one counts; the other file is empty.
    ///
    /// ## Example
    /// ```dockerfile
    /// RUN make > /build.log > /other.log
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// RUN make | tee /build.log > /other.log
    /// ```
    RULE {
        id: "competing-redirections",
        codes: &["SC2261"],
        summary: "two redirections of one descriptor",
        level: Level::Error,
        group: Group::Shell,
        activation: Activation::Default,
        fixable: Fixable::Never,
        status: FIRST,
        check: Check::Tree(check),
    }
}

fn check(cx: &Context<'_>, script: &ScriptView<'_>, index: &Index<'_>) {
    for site in &index.commands {
        let mut seen: Vec<(String, Vec<&Redirect>)> = Vec::new();
        for redirect in &site.command.redirects {
            let standard = match redirect.operator {
                RedirectOperator::Write | RedirectOperator::Append | RedirectOperator::Clobber => "1",
                RedirectOperator::Read
                | RedirectOperator::HereDocument
                | RedirectOperator::HereDocumentTabs
                | RedirectOperator::HereString => "0",
                _ => continue,
            };
            let key = redirect.descriptor.as_ref().map_or(standard, |known| known.value.as_str()).to_owned();
            match seen.iter_mut().find(|(known, _)| *known == key) {
                Some((_, redirects)) => redirects.push(redirect),
                None => seen.push((key, vec![redirect])),
            }
        }
        for redirect in seen.iter().filter(|(_, redirects)| redirects.len() > 1).flat_map(|(_, redirects)| redirects) {
            let at = redirect.descriptor.as_ref().map_or(redirect.span.start, |known| known.span.end);
            report(cx, script, Span::new(at, redirect.span.end), "only the last redirection of a descriptor counts")
                .done();
        }
    }
}
