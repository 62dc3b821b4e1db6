//! `DL3019`.

use crate::lint::edits::add_word;
use crate::lint::packages::{APK, cache_mounts, is_mounted, is_shipped, removes};
use crate::lint::prelude::*;

rule! {
    /// ## What it does
    /// Finds `apk add` without `--no-cache`.
    ///
    /// A stage that others only copy from is left alone, and so is a `RUN` that mounts a cache or deletes `/var/cache/apk`.
    ///
    /// ## Why it matters
    /// The index of the repositories stays in the layer: some megabytes that nothing in the image needs.
    ///
    /// ## Example
    /// ```dockerfile
    /// RUN apk add curl=8.9.1-r1
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// RUN apk add --no-cache curl=8.9.1-r1
    /// ```
    ///
    /// ## Fix safety
    /// Unsafe: the files of the index go from the layer.
    RULE {
        id: "apk-cache",
        codes: &["DL3019"],
        summary: "apk keeps its index",
        level: Level::Info,
        group: Group::Size,
        activation: Activation::Default,
        fixable: Fixable::Sometimes,
        status: FIRST,
        check: Check::Command(check),
    }
}

const CACHE: &str = "/var/cache/apk";

fn check(cx: &Context<'_>, command: &CommandView<'_>) {
    let Some(verb) = (if cx.is_hadolint() { hadolints(command) } else { ours(cx, command) }) else { return };
    let edit = add_word(cx, command.script, verb.span, "--no-cache");
    cx.report(command.instruction(), verb.span, "the index of apk stays in the image")
        .help("add `--no-cache`")
        .maybe_fix(edit.map(|edit| Fix::risky("add `--no-cache`", vec![edit])))
        .done();
}

fn hadolints<'a>(command: &CommandView<'a>) -> Option<&'a Argument> {
    let is_meant = command.name() == "apk" && !command.has_flag("no-cache");
    let verb = command.arguments().iter().find(|word| is_meant && word.text == "add")?;
    (!cache_mounts(command.script).contains(&CACHE)).then_some(verb)
}

fn ours<'a>(cx: &Context<'_>, command: &CommandView<'a>) -> Option<&'a Argument> {
    let (verb, _) = APK.read(command).filter(|(verb, _)| verb.text == "add")?;
    let is_off = command.has_any_flag(&["no-cache", "root", "p", "cache-dir"]);
    let folders = [CACHE, "/etc/apk/cache"];
    let is_mounted = folders.iter().any(|folder| is_mounted(command.script, folder));
    let is_cleaned = || {
        let mut later = command.script.commands().filter(|other| other.script_span() > command.script_span());
        later.any(|other| removes(&other, &folders) || other.name() == "apk" && other.has_argument("clean"))
    };
    let is_bad = !is_off && !is_mounted && !is_cleaned() && is_shipped(cx, command.script.view.stage);
    is_bad.then_some(verb)
}
