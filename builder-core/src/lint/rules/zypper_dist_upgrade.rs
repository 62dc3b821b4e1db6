//! `DL3035`.

use crate::lint::packages::ZYPPER;
use crate::lint::prelude::*;

rule! {
    /// ## What it does
    /// Finds `zypper dist-upgrade` and `zypper dup`.
    ///
    /// ## Why it matters
    /// Everything that the base image was tested with is replaced by what the repositories have on the day of the build. A newer
    /// base image is the way to a newer distribution.
    ///
    /// ## Example
    /// ```dockerfile
    /// RUN zypper dist-upgrade -y
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// FROM opensuse/leap:15.6
    /// ```
    RULE {
        id: "zypper-dist-upgrade",
        codes: &["DL3035"],
        summary: "zypper upgrades the distribution",
        level: Level::Warning,
        group: Group::Reproducibility,
        activation: Activation::Default,
        fixable: Fixable::Never,
        status: FIRST,
        check: Check::Command(check),
    }
}

fn check(cx: &Context<'_>, command: &CommandView<'_>) {
    let is_meant = |word: &&Argument| matches!(word.text.as_str(), "dist-upgrade" | "dup");
    let verb = if cx.is_hadolint() {
        command.arguments().iter().find(|word| command.name() == "zypper" && is_meant(word))
    } else {
        ZYPPER.read(command).map(|(verb, _)| verb).filter(is_meant)
    };
    if let Some(verb) = verb {
        cx.report(command.instruction(), verb.span, format!("`zypper {}` replaces the distribution", verb.text))
            .help("begin from a newer base image")
            .done();
    }
}
