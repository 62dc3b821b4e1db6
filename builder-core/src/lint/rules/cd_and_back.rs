//! `SC2103`.

use crate::lint::prelude::*;
use crate::lint::sh::{call_at, is, report, stops_at_errors};
use crate::shell::Index;

rule! {
    /// ## What it does
    /// Finds `cd folder; …; cd ..` in a row.
    ///
    /// ## Why it matters
    /// Where the first fails, the second leads astray. In `( … )` there is no way back to go.
    ///
    /// ## Example
    /// ```dockerfile
    /// RUN cd src; make; cd ..
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// RUN (cd src && make)
    /// ```
    RULE {
        id: "cd-and-back",
        codes: &["SC2103"],
        summary: "`cd` and back where a subshell would do",
        level: Level::Info,
        group: Group::Shell,
        activation: Activation::Default,
        fixable: Fixable::Never,
        status: FIRST,
        check: Check::Tree(check),
    }
}

fn check(cx: &Context<'_>, script: &ScriptView<'_>, index: &Index<'_>) {
    if stops_at_errors(index) || !cx.is_hadolint() && script.shell.stops_at_errors() {
        return;
    }
    let mut last: std::collections::HashMap<crate::shell::ScopeId, bool> = std::collections::HashMap::new();
    for (item, site) in index.items() {
        if !item.rest.is_empty() || item.first.commands.len() != 1 || item.first.negated.is_some() {
            continue;
        }
        let Some(call) = call_at(&item.first, 0).filter(|call| call.name == "cd") else { continue };
        let goes_back = matches!(call.args, [word] if is(word, "..") || is(word, "-"));
        if last.insert(site.scope, goes_back) == Some(false) && goes_back {
            report(cx, script, call.span, "a `cd` in a subshell needs no way back").done();
        }
    }
}
