//! `DL3003`.

use crate::lint::model::Argument as Word;
use crate::lint::prelude::*;
use crate::shell::{Construct, Index};

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
    let index = script.tree().map(Index::new);
    let is_undone = |command: &CommandView<'_>| index.as_ref().is_some_and(|index| is_undone(index, command));
    for command in commands {
        if cx.is_hadolint() || command.words().next().is_some_and(is_fixed) && !is_undone(&command) {
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

/// Tells whether the directory is another one only for a while.
fn is_undone(index: &Index<'_>, command: &CommandView<'_>) -> bool {
    let site = index.commands.iter().find(|site| site.command.span == command.script_span());
    site.is_some_and(|site| {
        let piped = site.pipeline.commands.len() > 1;
        piped
            || index.ancestors(site.scope).any(|scope| {
                scope.construct.is_subshell() || matches!(scope.construct, Construct::Function | Construct::LoopBody)
            })
    })
}
