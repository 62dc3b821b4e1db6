//! `DL3060`.

use crate::lint::edits::append;
use crate::lint::packages::{cache_mounts, is_kept, is_shipped, operands, uncleaned};
use crate::lint::prelude::*;

rule! {
    /// ## What it does
    /// Finds `yarn install` in a `RUN` that does not empty the cache afterwards.
    ///
    /// A stage that others only copy from is left alone, and so is a `RUN` that mounts a cache.
    ///
    /// ## Why it matters
    /// Every package is in the layer twice: installed, and in the cache. Emptying it in a later `RUN` does not make the image
    /// smaller: the layer below still has it.
    ///
    /// ## Example
    /// ```dockerfile
    /// RUN yarn install --frozen-lockfile
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// RUN yarn install --frozen-lockfile && yarn cache clean
    /// ```
    ///
    /// ## Fix safety
    /// Unsafe: files go from the layer. There is a fix where the script is plain enough for a command to be appended.
    RULE {
        id: "yarn-cache",
        codes: &["DL3060"],
        summary: "the cache of yarn stays in the image",
        level: Level::Info,
        group: Group::Size,
        activation: Activation::Default,
        fixable: Fixable::Sometimes,
        status: FIRST,
        check: Check::Script(check),
    }
}

fn check(cx: &Context<'_>, script: &ScriptView<'_>) {
    if !script.is_run() {
        return;
    }
    let cleans = |command: &CommandView<'_>| command.name() == "yarn" && command.has_any_argument(&["cache", "clean"]);
    let mounts = || cache_mounts(script);
    let command = if cx.is_hadolint() {
        let fills =
            |command: &CommandView<'_>| command.name() == "yarn" && command.has_argument("install") && !cleans(command);
        uncleaned(cx, script, fills, cleans)
            .filter(|_| is_kept(cx, script) && !mounts().iter().any(|target| target.contains(".cache/yarn")))
    } else {
        let is_cache = |target: &&str| target.contains(".cache") || target.contains("yarn");
        let removes = |command: &CommandView<'_>| {
            command.name() == "rm"
                && command.words().any(|word| word.text.contains(".cache") || word.text.contains("yarn"))
        };
        uncleaned(cx, script, installs, |command| cleans(command) || removes(command))
            .filter(|_| is_shipped(cx, script.view.stage) && !mounts().iter().any(is_cache))
    };
    let Some(command) = command else { return };
    let fix = append(cx, script, "yarn cache clean");
    cx.report(script.view.index, command.span(), "the cache of yarn stays in the image")
        .help("run `yarn cache clean` in the same `RUN`, or mount a cache")
        .maybe_fix(fix.map(|edit| Fix::risky("append `yarn cache clean`", vec![edit])))
        .done();
}

fn installs(command: &CommandView<'_>) -> bool {
    let is_first = || operands(command, &["--cwd", "--cache-folder", "--registry", "--network-timeout", "--mutex"]);
    command.name() == "yarn" && is_first().first().is_some_and(|word| word.text == "install")
}
