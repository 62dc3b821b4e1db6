//! `DL3036`.

use crate::lint::edits::append;
use crate::lint::packages::{ZYPPER, cache_mounts, is_mounted, is_shipped, removes, uncleaned};
use crate::lint::prelude::*;

rule! {
    /// ## What it does
    /// Finds `zypper install` in a `RUN` that does not empty the cache afterwards.
    ///
    /// Outside of hadolint's habits deleting `/var/cache/zypp` counts as well, and a stage that others only copy from is left
    /// alone.
    ///
    /// ## Why it matters
    /// The cache is tens of megabytes that nothing in the image needs. Emptying it in a later `RUN` does not make the image
    /// smaller: the layer below still has it.
    ///
    /// ## Example
    /// ```dockerfile
    /// RUN zypper install -y httpd=2.4.62
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// RUN zypper install -y httpd=2.4.62 && zypper clean
    /// ```
    ///
    /// ## Fix safety
    /// Unsafe: files go from the layer, and a later `RUN` may count on them. There is a fix where the script is plain enough
    /// for a command to be appended.
    RULE {
        id: "zypper-cache",
        codes: &["DL3036"],
        summary: "the cache of zypper stays in the image",
        level: Level::Warning,
        group: Group::Size,
        activation: Activation::Default,
        fixable: Fixable::Sometimes,
        status: FIRST,
        check: Check::Script(check),
    }
}

const CACHE: &str = "/var/cache/zypp";

fn check(cx: &Context<'_>, script: &ScriptView<'_>) {
    if !script.is_run() {
        return;
    }
    let is_zypper =
        |command: &CommandView<'_>, verbs: &[&str]| command.name() == "zypper" && command.has_any_argument(verbs);
    let cleans = |command: &CommandView<'_>| is_zypper(command, &["clean", "cc"]);
    let command = if cx.is_hadolint() {
        uncleaned(cx, script, |command| is_zypper(command, &["install", "in"]), cleans)
            .filter(|_| !cache_mounts(script).contains(&CACHE))
    } else {
        let verbs = ["install", "in", "update", "up", "patch", "dist-upgrade", "dup", "source-install", "si"];
        let fills = |command: &CommandView<'_>| {
            ZYPPER.read(command).is_some_and(|(verb, _)| verbs.contains(&verb.text.as_str()))
        };
        uncleaned(cx, script, fills, |command| cleans(command) || removes(command, &[CACHE]))
            .filter(|_| !is_mounted(script, CACHE) && is_shipped(cx, script.view.stage))
    };
    let Some(command) = command else { return };
    let fix = append(cx, script, "zypper clean --all");
    cx.report(script.view.index, command.span(), "the cache of `zypper` stays in the image")
        .help("run `zypper clean --all` in the same `RUN`, or mount a cache")
        .maybe_fix(fix.map(|edit| Fix::risky("append `zypper clean --all`", vec![edit])))
        .done();
}
