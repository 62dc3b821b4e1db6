//! A step that changes nothing but its own shell.

use crate::lint::prelude::*;
use crate::shell::{CommandKind, SimpleCommand, Word};

rule! {
    /// ## What it does
    /// Finds `RUN` that ends with `cd`, `export`, `source`, `umask`, `ulimit` and the like.
    ///
    /// ## Why it matters
    /// Each `RUN` is a shell of its own: directories, variables and settings are gone when it ends.
    ///
    /// ## Example
    /// ```dockerfile
    /// RUN cd /app
    /// RUN export MODE=release
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// WORKDIR /app
    /// ENV MODE=release
    /// ```
    RULE {
        id: "lost-shell-state",
        codes: &[],
        summary: "a step that changes nothing but its own shell",
        level: Level::Warning,
        group: Group::Correctness,
        activation: Activation::Default,
        fixable: Fixable::Never,
        status: FIRST,
        check: Check::Script(check),
    }
}

fn check(cx: &Context<'_>, script: &ScriptView<'_>) {
    if !script.is_run() || script.is_exec || !script.shell.is_bourne() {
        return;
    }
    let Some(last) = script.tree().and_then(|tree| tree.body.items.last()) else { return };
    let alone = script.tree().is_some_and(|tree| tree.body.items.len() == 1) && last.rest.is_empty();
    let pipeline = last.rest.last().map_or(&last.first, |(_, pipeline)| pipeline);
    let ([command], None) = (pipeline.commands.as_slice(), pipeline.negated) else { return };
    let CommandKind::Simple(simple) = &command.kind else { return };
    if !command.redirects.is_empty()
        || last.terminator.is_some_and(|(end, _)| end == crate::shell::Terminator::Background)
    {
        return;
    }
    let Some((what, help)) = effect(simple, alone) else { return };
    let span = script.place(command.span);
    cx.report(script.view.index, span, format!("{what} ends with this `RUN`")).help(help).done();
}

/// Says what of a shell's own state a command changes, where it does nothing else.
fn effect(simple: &SimpleCommand, alone: bool) -> Option<(&'static str, &'static str)> {
    let Some(name) = simple.words.first() else {
        let is_literal = simple.assignments.iter().all(|assignment| !assignment.value.has_expansion());
        return (alone && is_literal && !simple.assignments.is_empty()).then_some(("the variable", "use `ENV`"));
    };
    let name = name.literal()?;
    let argument = simple.words.get(1).and_then(Word::literal).unwrap_or_default();
    match name.as_ref() {
        // On the way back after something that was done there: nobody means it to stay.
        "cd" | "pushd" | "popd" if !alone || matches!(argument.as_ref(), ".." | "-" | "/" | "") => None,
        "cd" | "pushd" | "popd" => Some(("the change of the directory", "use `WORKDIR`")),
        "export" | "declare" | "typeset" if simple.words.len() > 1 => Some(("the variable", "use `ENV`")),
        "alias" if simple.words.len() > 1 => Some(("the alias", "write a file that shells read when they start")),
        "ulimit" => Some(("the limit", "set it when the container is started: `docker run --ulimit`")),
        "umask" => Some(("the mask", "set it in the script that starts the program")),
        "unset" if alone => Some(("the change", "leave it out")),
        "source" | "." if alone && is_settings(&argument) => {
            Some(("what the file sets", "use `ENV`, or do what needs it in the same `RUN`"))
        }
        _ => None,
    }
}

/// Tells whether a file is known to set variables and do nothing else.
fn is_settings(path: &str) -> bool {
    let ends = [
        "activate",
        ".bashrc",
        ".bash_profile",
        ".profile",
        ".zshrc",
        "/etc/profile",
        "/etc/environment",
        "cargo/env",
        "nvm.sh",
        "setvars.sh",
        "conda.sh",
        "setup.bash",
        "setup.sh",
    ];
    ends.iter().any(|end| path.ends_with(end))
}
