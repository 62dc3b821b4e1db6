//! `DL3014`.

use crate::lint::edits::add_word;
use crate::lint::packages::APT;
use crate::lint::prelude::*;

rule! {
    /// ## What it does
    /// Finds `apt-get install` without `-y`, and outside of hadolint's habits the other commands of apt that ask: `upgrade`,
    /// `remove`, `purge` and their like.
    ///
    /// ## Why it matters
    /// The question has nobody to answer it, and the build fails as soon as more than the named packages is to be installed.
    ///
    /// ## Example
    /// ```dockerfile
    /// RUN apt-get install curl=7.88.1
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// RUN apt-get install -y curl=7.88.1
    /// ```
    ///
    /// ## Fix safety
    /// Safe: without `-y` there is no image.
    RULE {
        id: "unconfirmed-apt-get",
        codes: &["DL3014"],
        summary: "apt-get asks before it installs",
        level: Level::Warning,
        group: Group::Correctness,
        activation: Activation::Default,
        fixable: Fixable::Sometimes,
        status: FIRST,
        check: Check::Command(check),
    }
}

fn check(cx: &Context<'_>, command: &CommandView<'_>) {
    let Some(verb) = (if cx.is_hadolint() { hadolints(command) } else { ours(cx, command) }) else { return };
    let edit = add_word(cx, command.script, verb.span, "-y");
    let message = format!("`{} {}` asks before it goes on, and nobody answers", command.name(), verb.text);
    cx.report(command.instruction(), verb.span, message)
        .help("add `-y`")
        .maybe_fix(edit.map(|edit| Fix::safe("add `-y`", vec![edit])))
        .done();
}

fn hadolints<'a>(command: &CommandView<'a>) -> Option<&'a Argument> {
    let says_yes = command.has_any_flag(&["y", "yes", "assume-yes"])
        || command.count_flag("q") == 2
        || command.count_flag("quiet") == 2
        || command.has_argument("-q=2");
    let is_meant = command.name() == "apt-get" && !says_yes;
    command.arguments().iter().find(|word| is_meant && word.text == "install")
}

fn ours<'a>(cx: &Context<'_>, command: &CommandView<'a>) -> Option<&'a Argument> {
    const ASKING: [&str; 11] = [
        "install",
        "reinstall",
        "upgrade",
        "dist-upgrade",
        "full-upgrade",
        "safe-upgrade",
        "remove",
        "purge",
        "autoremove",
        "autopurge",
        "build-dep",
    ];
    let (verb, packages) = APT.read(command)?;
    // What it reads before the answer decides: options, the configuration, and `yes |`.
    let says_yes = command.has_any_flag(&["y", "yes", "assume-yes", "force-yes", "assume-no", "trivial-only"])
        || command.count_flag("q") + command.count_flag("quiet") >= 2
        || command.arguments().iter().any(|word| word.text.starts_with("-q=2") || word.text == "--quiet=2");
    let only_shows = command.has_any_flag(&[
        "s",
        "simulate",
        "just-print",
        "dry-run",
        "recon",
        "no-act",
        "print-uris",
        "h",
        "help",
        "download-only",
        "d",
    ]);
    let needs_packages = matches!(verb.text.as_str(), "install" | "reinstall" | "remove" | "purge" | "build-dep");
    let has_work = !needs_packages || !packages.is_empty() || command.has_any_flag(&["f", "fix-broken"]);
    let is_bad = ASKING.contains(&verb.text.as_str()) && !says_yes && !only_shows && has_work;
    (is_bad && !is_configured(cx, command, "assume-yes") && !is_answered(command)).then_some(verb)
}

/// Tells whether a script of the stage, up to a command, says something of apt's configuration.
pub(super) fn is_configured(cx: &Context<'_>, command: &CommandView<'_>, setting: &str) -> bool {
    let Some(stage) = command.script.view.stage else { return false };
    let mut stages = cx.model.ancestry(stage).map(|stage| stage.index);
    stages.any(|stage| {
        let has = |script: &ScriptView<'_>| script.text.as_str().to_ascii_lowercase().contains(setting);
        cx.model.first_run(stage, setting, has).is_some_and(|first| first <= command.instruction())
    })
}

/// Tells whether `yes` is piped into a command, or a here-document.
pub(super) fn is_answered(command: &CommandView<'_>) -> bool {
    let text = command.script.text.as_str();
    let before = text.get(..command.script_span().start as usize).unwrap_or_default().trim_end();
    before.strip_suffix('|').is_some_and(|rest| {
        let begin = rest.rfind([';', '&', '|', '(', '\n']).map_or(0, |at| at + 1);
        matches!(rest[begin..].split_whitespace().next(), Some("yes" | "echo" | "printf"))
    })
}
