//! `DL3030`.

use super::unconfirmed_apt_get::{is_answered, is_configured};
use crate::lint::edits::add_word;
use crate::lint::packages::{Manager, YUM};
use crate::lint::prelude::*;

rule! {
    /// ## What it does
    /// Finds `yum install` without `-y`, and outside of hadolint's habits the other commands of yum that ask.
    ///
    /// ## Why it matters
    /// The question has nobody to answer it, and the build fails.
    ///
    /// ## Example
    /// ```dockerfile
    /// RUN yum install httpd-2.4.6
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// RUN yum install -y httpd-2.4.6
    /// ```
    ///
    /// ## Fix safety
    /// Safe: without `-y` there is no image.
    RULE {
        id: "unconfirmed-yum",
        codes: &["DL3030"],
        summary: "yum asks before it installs",
        level: Level::Warning,
        group: Group::Correctness,
        activation: Activation::Default,
        fixable: Fixable::Sometimes,
        status: FIRST,
        check: Check::Command(check),
    }
}

fn check(cx: &Context<'_>, command: &CommandView<'_>) {
    let verb = if cx.is_hadolint() { hadolints(command, &["yum"]) } else { unconfirmed(cx, command, &YUM) };
    report(cx, command, verb);
}

/// Finds what hadolint finds for yum and dnf alike.
pub(super) fn hadolints<'a>(command: &CommandView<'a>, names: &[&str]) -> Option<&'a Argument> {
    let is_meant = names.contains(&command.name()) && !command.has_any_flag(&["y", "assumeyes"]);
    let is_verb = |text: &str| matches!(text, "install" | "groupinstall" | "localinstall");
    command.arguments().iter().find(|word| is_meant && is_verb(&word.text))
}

/// Returns what a command is to do where it asks first.
pub(super) fn unconfirmed<'a>(cx: &Context<'_>, command: &CommandView<'a>, manager: &Manager) -> Option<&'a Argument> {
    const ASKING: [&str; 19] = [
        "install",
        "in",
        "reinstall",
        "rei",
        "update",
        "up",
        "upgrade",
        "downgrade",
        "remove",
        "rm",
        "erase",
        "autoremove",
        "groupinstall",
        "localinstall",
        "distro-sync",
        "swap",
        "group",
        "module",
        "builddep",
    ];
    let (verb, words) = manager.read(command)?;
    let says_yes = command.has_any_flag(&["y", "assumeyes", "assumeno", "downloadonly", "h", "help"]);
    // `group` and `module` ask where they install.
    let is_verb = match verb.text.as_str() {
        "group" | "module" => words.first().is_some_and(|word| ASKING.contains(&word.text.as_str())),
        verb => ASKING.contains(&verb),
    };
    let is_bad = is_verb && !says_yes && !is_answered(command);
    (is_bad && !is_configured(cx, command, "assumeyes")).then_some(verb)
}

/// Reports a command that asks.
pub(super) fn report(cx: &Context<'_>, command: &CommandView<'_>, verb: Option<&Argument>) {
    let Some(verb) = verb else { return };
    let edit = add_word(cx, command.script, verb.span, "-y");
    let message = format!("`{} {}` asks before it goes on, and nobody answers", command.name(), verb.text);
    cx.report(command.instruction(), verb.span, message)
        .help("add `-y`")
        .maybe_fix(edit.map(|edit| Fix::safe("add `-y`", vec![edit])))
        .done();
}
