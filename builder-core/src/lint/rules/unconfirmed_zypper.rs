//! `DL3034`.

use super::unconfirmed_apt_get::is_answered;
use crate::lint::edits::add_word;
use crate::lint::packages::ZYPPER;
use crate::lint::prelude::*;

rule! {
    /// ## What it does
    /// Finds `zypper install`, `remove`, `source-install` and `patch` without `--non-interactive` or `-y`; outside of hadolint's habits
    /// `update` and `dist-upgrade` as well.
    ///
    /// ## Why it matters
    /// The question has nobody to answer it, and the build fails.
    ///
    /// ## Example
    /// ```dockerfile
    /// RUN zypper install httpd=2.4.62
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// RUN zypper --non-interactive install httpd=2.4.62
    /// ```
    ///
    /// ## Fix safety
    /// Safe: without an answer there is no image.
    RULE {
        id: "unconfirmed-zypper",
        codes: &["DL3034"],
        summary: "zypper asks before it goes on",
        level: Level::Warning,
        group: Group::Correctness,
        activation: Activation::Default,
        fixable: Fixable::Sometimes,
        status: FIRST,
        check: Check::Command(check),
    }
}

fn check(cx: &Context<'_>, command: &CommandView<'_>) {
    const VERBS: [&str; 7] = ["install", "in", "remove", "rm", "source-install", "si", "patch"];
    const MORE: [&str; 6] = ["update", "up", "dist-upgrade", "dup", "install-new-recommends", "inr"];
    if command.name() != "zypper" || command.has_any_flag(&["n", "non-interactive", "y", "no-confirm"]) {
        return;
    }
    let verb = if cx.is_hadolint() {
        command.arguments().iter().find(|word| VERBS.contains(&word.text.as_str()))
    } else {
        let verb = ZYPPER.read(command).map(|(verb, _)| verb);
        let asks = |text: &str| VERBS.contains(&text) || MORE.contains(&text);
        verb.filter(|verb| {
            asks(&verb.text) && !command.has_any_flag(&["dry-run", "D", "help"]) && !is_answered(command)
        })
    };
    let Some(verb) = verb else { return };
    let edit = add_word(cx, command.script, command.name_span(), "--non-interactive");
    cx.report(
        command.instruction(),
        verb.span,
        format!("`zypper {}` asks before it goes on, and nobody answers", verb.text),
    )
    .help("add `--non-interactive`")
    .maybe_fix(edit.map(|edit| Fix::safe("add `--non-interactive`", vec![edit])))
    .done();
}
