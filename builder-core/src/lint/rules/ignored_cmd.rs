//! A `CMD` that the `ENTRYPOINT` ignores.

use crate::dockerfile::Command;
use crate::lint::prelude::*;

rule! {
    /// ## What it does
    /// Finds a `CMD` in a stage whose `ENTRYPOINT` is in shell form.
    ///
    /// ## Why it matters
    /// A shell runs the text of the `ENTRYPOINT` and nothing else: neither `CMD` nor the arguments of `docker run`
    /// reach it.
    ///
    /// ## Example
    /// ```dockerfile
    /// ENTRYPOINT app
    /// CMD ["--help"]
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// ENTRYPOINT ["app"]
    /// CMD ["--help"]
    /// ```
    RULE {
        id: "ignored-cmd",
        codes: &[],
        summary: "a `CMD` that the `ENTRYPOINT` ignores",
        level: Level::Warning,
        group: Group::Correctness,
        activation: Activation::Default,
        fixable: Fixable::Never,
        status: FIRST,
        check: Check::Stage(check),
    }
}

fn check(cx: &Context<'_>, stage: &StageView) {
    let body: Vec<_> = cx.model.body(stage.index).collect();
    let entrypoint = body.iter().rev().find_map(|view| match view.kind() {
        InstructionKind::Entrypoint(Command::Shell(text)) => Some(Some((view, text))),
        InstructionKind::Entrypoint(_) => Some(None),
        _ => None,
    });
    let Some(Some((entrypoint, text))) = entrypoint else { return };
    // `$@` takes what follows, though not its first word.
    if ["$@", "$*", "${@", "${*", "$0"].iter().any(|all| text.as_str().contains(all)) {
        return;
    }
    let cmd = body.iter().rev().find_map(|view| match view.kind() {
        InstructionKind::Cmd(command) => Some((view, command)),
        _ => None,
    });
    let Some((view, command)) = cmd else { return };
    if matches!(command, Command::Exec(words) if words.is_empty()) {
        return;
    }
    cx.report(view.index, view.instruction.keyword.span, "the `ENTRYPOINT` ignores this `CMD`")
        .also(entrypoint.instruction.keyword.span, "in shell form it takes no arguments")
        .help("write the `ENTRYPOINT` as a JSON array")
        .done();
}
