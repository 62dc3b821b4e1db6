//! `DL3015`.

use super::unconfirmed_apt_get::is_configured;
use crate::lint::edits::add_word;
use crate::lint::packages::APT;
use crate::lint::prelude::*;

rule! {
    /// ## What it does
    /// Finds `apt-get install` without `--no-install-recommends`.
    ///
    /// ## Why it matters
    /// Recommended packages are what a person at a desk would want: manuals, tools, whole graphical systems. The image gets larger
    /// and has more that can be attacked.
    ///
    /// ## Example
    /// ```dockerfile
    /// RUN apt-get install -y curl=7.88.1
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// RUN apt-get install -y --no-install-recommends curl=7.88.1
    /// ```
    ///
    /// ## Fix safety
    /// Unsafe: packages go from the image that something may use.
    RULE {
        id: "recommended-packages",
        codes: &["DL3015"],
        summary: "apt-get installs what packages recommend",
        level: Level::Info,
        group: Group::Size,
        activation: Activation::Default,
        fixable: Fixable::Sometimes,
        status: FIRST,
        check: Check::Command(check),
    }
}

fn check(cx: &Context<'_>, command: &CommandView<'_>) {
    let Some(verb) = (if cx.is_hadolint() { hadolints(command) } else { ours(cx, command) }) else { return };
    let edit = add_word(cx, command.script, verb.span, "--no-install-recommends");
    cx.report(command.instruction(), verb.span, "recommended packages are installed as well")
        .help("add `--no-install-recommends`, and name what is needed of them")
        .maybe_fix(edit.map(|edit| Fix::risky("add `--no-install-recommends`", vec![edit])))
        .done();
}

fn hadolints<'a>(command: &CommandView<'a>) -> Option<&'a Argument> {
    let is_off = command.has_flag("no-install-recommends") || command.has_argument("APT::Install-Recommends=false");
    let is_meant = command.name() == "apt-get" && !is_off;
    command.arguments().iter().find(|word| is_meant && word.text == "install")
}

fn ours<'a>(cx: &Context<'_>, command: &CommandView<'a>) -> Option<&'a Argument> {
    let (verb, packages) = APT.read(command)?;
    let is_meant = verb.text == "install" && !packages.is_empty();
    let is_asked_for =
        command.has_any_flag(&["no-install-recommends", "without-recommends", "R", "install-recommends"]);
    (is_meant && !is_asked_for && !is_configured(cx, command, "install-recommends")).then_some(verb)
}
