//! `DL3037`.

use crate::lint::packages::{ZYPPER, has_extension, report_unpinned};
use crate::lint::prelude::*;

rule! {
    /// ## What it does
    /// Finds packages that `zypper install` gets without a version.
    ///
    /// Files, patterns, and names that hold variables are left alone.
    ///
    /// ## Why it matters
    /// The version is whatever the repository has on the day of the build: the same file gives other images.
    ///
    /// ## Example
    /// ```dockerfile
    /// RUN zypper install -y httpd
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// RUN zypper install -y httpd=2.4.62
    /// ```
    RULE {
        id: "unpinned-zypper-package",
        codes: &["DL3037"],
        summary: "zypper installs packages without a version",
        level: Level::Warning,
        group: Group::Reproducibility,
        activation: Activation::Default,
        fixable: Fixable::Never,
        status: FIRST,
        check: Check::Command(check),
    }
}

fn check(cx: &Context<'_>, command: &CommandView<'_>) {
    let packages: Vec<&Argument> = if cx.is_hadolint() {
        if command.name() != "zypper" || !command.has_any_argument(&["install", "in"]) {
            return;
        }
        command
            .words()
            .filter(|word| !matches!(word.text.as_str(), "install" | "in") && !is_pinned(&word.text))
            .collect()
    } else {
        let Some((verb, packages)) = ZYPPER.read(command) else { return };
        let kinds = ["-t", "--type", "-tpattern", "--type=pattern", "--type=patch"];
        if !matches!(verb.text.as_str(), "install" | "in") || command.has_any_argument(&kinds) {
            return;
        }
        let is_other = |text: &str| text.contains(['/', ':']) || text.starts_with(['!', '-']);
        packages.into_iter().filter(|word| word.is_literal && !is_pinned(&word.text) && !is_other(&word.text)).collect()
    };
    report_unpinned(cx, command, &packages, "write `name=version`");
}

fn is_pinned(package: &str) -> bool {
    package.contains(['=', '<', '>']) || has_extension(package, "rpm")
}
