//! `DL3009`.

use crate::lint::edits::append;
use crate::lint::packages::{cache_mounts, is_kept, is_mounted, is_shipped, removes, removes_anything, uncleaned};
use crate::lint::prelude::*;

rule! {
    /// ## What it does
    /// Finds `apt-get update` in a `RUN` that does not delete `/var/lib/apt/lists` afterwards.
    ///
    /// A stage that others only copy from is left alone, and so is a `RUN` that mounts a cache there.
    ///
    /// ## Why it matters
    /// The lists are tens of megabytes that nothing in the image needs, and they are out of date at the next `install`. Deleting
    /// them in a later `RUN` does not make the image smaller: the layer below still has them.
    ///
    /// ## Example
    /// ```dockerfile
    /// RUN apt-get update && apt-get install -y curl=7.88.1
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// RUN apt-get update && apt-get install -y curl=7.88.1 && rm -rf /var/lib/apt/lists/*
    /// ```
    ///
    /// ## Fix safety
    /// Unsafe: files go from the layer, and a later `RUN` may count on them. There is a fix where the script is plain enough
    /// for a command to be appended.
    RULE {
        id: "apt-lists-left",
        codes: &["DL3009"],
        summary: "the package lists of apt-get stay in the image",
        level: Level::Info,
        group: Group::Size,
        activation: Activation::Default,
        fixable: Fixable::Sometimes,
        status: FIRST,
        check: Check::Script(check),
    }
}

/// How many stages a fix looks through.
const STAGES: usize = 100;

const LISTS: &str = "/var/lib/apt/lists";

fn check(cx: &Context<'_>, script: &ScriptView<'_>) {
    if !script.is_run() {
        return;
    }
    let update = if cx.is_hadolint() {
        if script.commands().any(|command| removes_anything(&command, &["-rf", "/var/lib/apt/lists/*"])) {
            return;
        }
        script.commands().find(updates).filter(|_| is_kept(cx, script) && !has_hadolints_mount(script))
    } else {
        uncleaned(cx, script, updates, cleans)
            .filter(|_| !is_mounted(script, LISTS) && is_shipped(cx, script.view.stage))
    };
    let Some(update) = update else { return };
    let fix = append(cx, script, "rm -rf /var/lib/apt/lists/*").filter(|_| !is_needed_later(cx, script));
    cx.report(script.view.index, update.span(), "the package lists stay in the image")
        .help("delete `/var/lib/apt/lists/*` in the same `RUN`, or mount a cache there")
        .maybe_fix(fix.map(|edit| Fix::risky("delete the lists at the end of the `RUN`", vec![edit])))
        .done();
}

/// Tells whether a later `RUN` installs with these lists: one of the stage, or of one that begins from it.
fn is_needed_later(cx: &Context<'_>, script: &ScriptView<'_>) -> bool {
    let Some(stage) = script.view.stage else { return true };
    let is_apt = |command: &CommandView<'_>| matches!(command.name(), "apt-get" | "apt" | "aptitude");
    let is_bare = |other: &ScriptView<'_>| {
        other.commands().any(|command| is_apt(&command)) && !other.commands().any(|command| updates(&command))
    };
    // Whether one is behind this step matters in its own stage alone.
    let last = cx.model.last_run(stage, "needs lists", is_bare);
    let is_own = last.is_some_and(|last| last > script.view.index);
    let is_below = |other: &StageView| {
        other.index != stage && cx.model.ancestry(other.index).any(|ancestor| ancestor.index == stage)
    };
    // Among very many stages nobody looks.
    is_own
        || cx.model.stages.len() > STAGES
        || cx
            .model
            .stages
            .iter()
            .any(|other| is_below(other) && cx.model.first_run(other.index, "needs lists", is_bare).is_some())
}

fn updates(command: &CommandView<'_>) -> bool {
    matches!(command.name(), "apt-get" | "apt" | "aptitude") && command.has_argument("update")
}

fn cleans(command: &CommandView<'_>) -> bool {
    removes(command, &[LISTS]) || command.name() == "apt-get" && command.has_any_argument(&["distclean", "dist-clean"])
}

fn has_hadolints_mount(script: &ScriptView<'_>) -> bool {
    let mounts = cache_mounts(script);
    mounts.contains(&LISTS) || mounts.contains(&"/var/lib/apt") && mounts.contains(&"/var/cache/apt")
}
