//! `DL3003`.

use std::collections::HashSet;

use crate::lint::model::Argument as Word;
use crate::lint::prelude::*;
use crate::shell::{CommandSite, Construct, Index, Script};

rule! {
    /// ## What it does
    /// Finds `cd` in a `RUN`.
    ///
    /// One that is undone by itself is fine: in `( … )`, in `$( … )`, in a function, in a loop, back with `cd -`, and one
    /// whose target is only known when it runs.
    ///
    /// ## Why it matters
    /// The directory is forgotten at the end of the instruction; readers of the next one look for it in vain. `WORKDIR` holds
    /// for all that follows, and makes the directory where it is missing.
    ///
    /// ## Example
    /// ```dockerfile
    /// RUN cd /src && make
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// WORKDIR /src
    /// RUN make
    /// ```
    RULE {
        id: "change-of-directory",
        codes: &["DL3003"],
        summary: "`cd` where `WORKDIR` would do",
        level: Level::Warning,
        group: Group::Maintenance,
        activation: Activation::Default,
        fixable: Fixable::Never,
        status: FIRST,
        check: Check::Script(check),
    }
}

fn check(cx: &Context<'_>, script: &ScriptView<'_>) {
    if !script.is_run() || script.view.is_trigger() {
        return;
    }
    let mut commands = script.commands().filter(|command| command.name() == "cd").peekable();
    if commands.peek().is_none() {
        return;
    }
    let undone = if cx.is_hadolint() { HashSet::new() } else { script.tree().map(undone).unwrap_or_default() };
    let mut is_said = false;
    for command in commands {
        let is_bad = || command.words().next().is_some_and(is_fixed) && !undone.contains(&command.script_span());
        // The rest of the `RUN` moves with the first one.
        if cx.is_hadolint() || !is_said && is_bad() {
            is_said = true;
            let message = "`cd` holds only until the end of this `RUN`";
            cx.report(command.instruction(), command.span(), message)
                .help("use `WORKDIR`, or a subshell: `(cd … && …)`")
                .done();
        }
    }
}

/// Tells whether the target could stand in a `WORKDIR`.
fn is_fixed(target: &Word) -> bool {
    target.is_literal && target.text != "-" && !target.text.starts_with('~')
}

/// The commands whose directory nobody keeps: those in pipes, subshells, functions and loops.
fn undone(tree: &Script) -> HashSet<Span> {
    let index = Index::new(tree);
    let is_undone = |site: &&CommandSite<'_>| {
        let is_kept = |construct: Construct| {
            !construct.is_subshell() && !matches!(construct, Construct::Function | Construct::LoopBody)
        };
        site.pipeline.commands.len() > 1 || index.ancestors(site.scope).any(|scope| !is_kept(scope.construct))
    };
    index.commands.iter().filter(is_undone).map(|site| site.command.span).collect()
}
