//! `SC2015`.

use crate::lint::prelude::*;
use crate::lint::sh::{operator_before, report};
use crate::shell::{AndOr, CommandKind, CommandSite, Construct, Index, ListItem, Pipeline, Word};

rule! {
    /// ## What it does
    /// Finds `a && b || c`.
    ///
    /// ## Why it matters
    /// `c` runs where `b` fails as well. That is often overlooked in a `RUN`, where failures of `b` should stop the
    /// build.
    ///
    /// ## Example
    /// ```dockerfile
    /// RUN test -d /srv && make || make fallback
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// RUN if test -d /srv; then make; else make fallback; fi
    /// ```
    RULE {
        id: "and-or-as-if",
        codes: &["SC2015"],
        summary: "`a && b || c` is no `if`",
        level: Level::Info,
        group: Group::Shell,
        activation: Activation::Default,
        fixable: Fixable::Never,
        status: FIRST,
        check: Check::Tree(check),
    }
}

fn check(cx: &Context<'_>, script: &ScriptView<'_>, index: &Index<'_>) {
    for (item, site) in index.items() {
        for (at, two) in item.rest.windows(2).enumerate() {
            let [(AndOr::And, second), (AndOr::Or, third)] = two else { continue };
            let is_condition = site.checked && site.before.is_none() || at + 2 < item.rest.len();
            let is_outer_condition = index.ancestors(site.scope).next().and_then(|scope| scope.command);
            let is_checked = is_outer_condition.and_then(|at| index.commands.get(at)).is_some_and(|site| site.checked);
            if is_condition || is_checked || is_fine(third) || in_condition(index, site, item) {
                continue;
            }
            let before = if at == 0 { &item.first } else { &item.rest[at - 1].1 };
            let span = operator_before(script, before.span.end, second.span.start);
            report(cx, script, span, "what stands behind `||` also runs where the middle fails")
                .help("use `if`")
                .done();
        }
    }
}

/// The item is the last one of a condition.
fn in_condition(index: &Index<'_>, site: &CommandSite<'_>, item: &ListItem) -> bool {
    let Some(scope) = index.scope(site.scope) else { return false };
    matches!(scope.construct, Construct::IfCondition | Construct::LoopCondition) && scope.span.end <= item.span.end + 2
}

fn is_fine(pipeline: &Pipeline) -> bool {
    let [command] = pipeline.commands.as_slice() else { return false };
    let CommandKind::Simple(simple) = &command.kind else { return false };
    simple.words.is_empty()
        || simple
            .words
            .first()
            .and_then(Word::literal)
            .is_some_and(|name| matches!(name.as_ref(), "echo" | "exit" | "return" | "printf" | "true" | ":"))
}
