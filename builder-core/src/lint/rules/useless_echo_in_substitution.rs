//! `SC2116`.

use crate::lint::prelude::*;
use crate::lint::sh::{call_at, leading, report};
use crate::shell::{Index, PartKind, Word};

rule! {
    /// ## What it does
    /// Finds `$(echo …)` with nothing else in it.
    ///
    /// ## Why it matters
    /// The text can stand there itself.
    ///
    /// ## Example
    /// ```dockerfile
    /// RUN touch "$(echo /srv/$NAME)"
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// RUN touch "/srv/$NAME"
    /// ```
    RULE {
        id: "useless-echo-in-substitution",
        codes: &["SC2116"],
        summary: "`$(echo …)` is what `echo` is given",
        level: Level::Style,
        group: Group::Shell,
        activation: Activation::Default,
        fixable: Fixable::Never,
        status: FIRST,
        check: Check::Tree(check),
    }
}

fn check(cx: &Context<'_>, script: &ScriptView<'_>, index: &Index<'_>) {
    for site in &index.parts {
        let PartKind::CommandSubstitution { body, .. } = &site.part.kind else { continue };
        let [item] = body.items.as_slice() else { continue };
        let plain = item.rest.is_empty() && item.first.commands.len() == 1 && item.first.negated.is_none();
        let Some(call) = call_at(&item.first, 0).filter(|call| plain && call.name == "echo") else { continue };
        let is_odd =
            |word: &Word| word.has_glob() || word.parts.iter().any(|part| matches!(part.kind, PartKind::Braces(_)));
        let is_flag = call.args.first().is_some_and(|word| leading(word).starts_with('-'));
        if !is_flag && !call.args.iter().any(is_odd) {
            report(cx, script, site.part.span, "this is what `echo` is given").done();
        }
    }
}
