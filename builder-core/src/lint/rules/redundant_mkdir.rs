//! A directory is made that `WORKDIR` makes anyway.

use super::repeated_cmd::lines_of;
use crate::lint::paths::clean;
use crate::lint::prelude::*;
use crate::lint::words::unquoted;

rule! {
    /// ## What it does
    /// Finds a `RUN` that makes a directory and nothing else, directly before a `WORKDIR` that enters it.
    ///
    /// ## Why it matters
    /// `WORKDIR` makes the directory itself; the step is one more layer and line.
    ///
    /// ## Example
    /// ```dockerfile
    /// RUN mkdir -p /app
    /// WORKDIR /app
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// WORKDIR /app
    /// ```
    ///
    /// ## Fix safety
    /// Unsafe: with a `USER` that is not root the directory may belong to another user.
    RULE {
        id: "redundant-mkdir",
        codes: &[],
        summary: "a directory is made that `WORKDIR` makes anyway",
        level: Level::Info,
        group: Group::Maintenance,
        activation: Activation::Default,
        fixable: Fixable::Always,
        status: FIRST,
        check: Check::Stage(check),
    }
}

fn check(cx: &Context<'_>, stage: &StageView) {
    let body: Vec<_> = cx.model.body(stage.index).collect();
    // `WORKDIR` makes directories that belong to root, whoever the user is.
    let is_other = |view: &InstructionView<'_>| match view.kind() {
        InstructionKind::User(user) => !matches!(user.as_str(), "root" | "0"),
        _ => false,
    };
    // It is asked for where there is something to say, and once.
    let mut has_other_user = None;
    for pair in body.windows(2) {
        let InstructionKind::Workdir(path) = pair[1].kind() else { continue };
        let Some(script) = cx.model.script_of(pair[0]) else {
            continue;
        };
        let mut commands = script.commands();
        let (Some(command), None) = (commands.next(), commands.next()) else { continue };
        let wanted = clean(unquoted(path.as_str()));
        let [.., directory] = command.arguments() else { continue };
        let flags = &command.arguments()[..command.arguments().len() - 1];
        let is_plain = flags.iter().all(|flag| matches!(flag.text.as_str(), "-p" | "-v" | "-pv" | "--parents"));
        let is_whole = script.slice(command.script_span()) == script.text.as_str().trim();
        let is_same = wanted.starts_with('/') && clean(&directory.text) == wanted;
        let mut is_other_user = || {
            let mut stages = cx.model.ancestry(stage.index);
            *has_other_user.get_or_insert_with(|| stages.any(|stage| cx.model.body(stage.index).any(is_other)))
        };
        if command.name() == "mkdir"
            && is_plain
            && is_whole
            && is_same
            && script.run().is_some_and(|run| run.mounts.is_empty())
            && !is_other_user()
        {
            cx.report(pair[0].index, command.span(), format!("`WORKDIR` makes `{wanted}` itself"))
                .also(path.span(), "here")
                .fix(Fix::risky("remove the `RUN`", vec![Edit::delete(lines_of(cx, pair[0].outer))]))
                .done();
        }
    }
}
