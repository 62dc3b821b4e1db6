//! `DL3027`.

use crate::lint::packages::{APT, base_span};
use crate::lint::prelude::*;

rule! {
    /// ## What it does
    /// Finds the command `apt`.
    ///
    /// ## Why it matters
    /// `apt` is made for people at a terminal: it says itself that what it prints and how it is called may change. `apt-get` and
    /// `apt-cache` stay what they are.
    ///
    /// ## Example
    /// ```dockerfile
    /// RUN apt update
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// RUN apt-get update
    /// ```
    ///
    /// ## Fix safety
    /// Safe where both do the same: `update`, `install`, `remove`, `purge`, `autoremove` and `clean`. Unsafe for `upgrade`, with
    /// which `apt` also installs what is newly needed. Other commands are left to people.
    RULE {
        id: "apt",
        codes: &["DL3027"],
        summary: "`apt` in a script",
        level: Level::Warning,
        group: Group::Maintenance,
        activation: Activation::Default,
        fixable: Fixable::Sometimes,
        status: FIRST,
        check: Check::Command(check),
    }
}

fn check(cx: &Context<'_>, command: &CommandView<'_>) {
    if command.name() != "apt" {
        return;
    }
    cx.report(command.instruction(), command.name_span(), "`apt` is made for people, not for scripts")
        .help("use `apt-get`, or `apt-cache` to ask")
        .maybe_fix(renamed(cx, command))
        .done();
}

fn renamed(cx: &Context<'_>, command: &CommandView<'_>) -> Option<Fix> {
    let (verb, _) = APT.read(command)?;
    let edits = vec![Edit::replace(base_span(cx, command)?, "apt-get")];
    let title = "write `apt-get`";
    match verb.text.as_str() {
        "update" | "install" | "remove" | "purge" | "autoremove" | "clean" => Some(Fix::safe(title, edits)),
        "upgrade" => Some(Fix::risky(title, edits)),
        _ => None,
    }
}
