//! All packages of the base image are upgraded.

use crate::lint::prelude::*;

rule! {
    /// ## What it does
    /// Finds `upgrade` and `dist-upgrade` of `apt-get`, `apk`, `yum`, `dnf` and the like.
    ///
    /// ## Why it matters
    /// What is upgraded depends on the day of the build and is in the image twice. A newer base image has the same
    /// packages once, and tested together.
    ///
    /// ## Example
    /// ```dockerfile
    /// RUN apt-get update && apt-get -y dist-upgrade
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// FROM debian:12.8
    /// ```
    RULE {
        id: "system-upgrade",
        codes: &[],
        summary: "all packages of the base image are upgraded",
        level: Level::Info,
        group: Group::Reproducibility,
        activation: Activation::Opinion,
        fixable: Fixable::Never,
        status: FIRST,
        check: Check::Command(check),
    }
}

fn check(cx: &Context<'_>, command: &CommandView<'_>) {
    let words: Vec<&Argument> = command.words_without(&["o", "option", "t", "c"]).collect();
    let Some(first) = words.first() else { return };
    let is_upgrade = match command.name() {
        "apt" | "apt-get" | "aptitude" => {
            matches!(first.text.as_str(), "upgrade" | "dist-upgrade" | "full-upgrade" | "safe-upgrade")
        }
        "apk" => first.text == "upgrade" && words.len() == 1,
        "yum" | "dnf" | "microdnf" | "tdnf" => {
            matches!(first.text.as_str(), "update" | "upgrade" | "distro-sync") && words.len() == 1
        }
        "zypper" => matches!(first.text.as_str(), "up" | "update" | "dup" | "dist-upgrade") && words.len() == 1,
        _ => false,
    };
    if is_upgrade {
        cx.report(command.instruction(), first.span, format!("`{} {}` depends on the day", command.name(), first.text))
            .help("use a newer base image")
            .done();
    }
}
