//! `DL3008`.

use crate::lint::packages::{APT, has_extension, report_unpinned};
use crate::lint::prelude::*;

rule! {
    /// ## What it does
    /// Finds packages that `apt-get install` gets without a version.
    ///
    /// Files, packages with a release (`name/bookworm`) and names that hold variables are left alone.
    ///
    /// ## Why it matters
    /// The version is whatever the archive has on the day of the build: the same file gives other images, and one that broke
    /// cannot be built again.
    ///
    /// ## Example
    /// ```dockerfile
    /// RUN apt-get update && apt-get install -y curl
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// RUN apt-get update && apt-get install -y curl=7.88.1-10+deb12u5
    /// ```
    RULE {
        id: "unpinned-apt-package",
        codes: &["DL3008"],
        summary: "apt-get installs packages without a version",
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
        if command.name() != "apt-get" || !command.has_argument("install") {
            return;
        }
        let words = command.words_without(&["t", "target-release"]);
        words.filter(|word| word.text != "install" && !is_pinned(&word.text)).collect()
    } else {
        let Some((verb, packages)) = APT.read(command) else { return };
        if verb.text != "install" {
            return;
        }
        packages
            .into_iter()
            .filter(|word| word.is_literal && !is_pinned(&word.text) && !is_removed(&word.text))
            .collect()
    };
    report_unpinned(cx, command, &packages, "write `name=version`; `apt-cache policy name` shows what there is");
}

fn is_pinned(package: &str) -> bool {
    package.contains(['=', '/']) || has_extension(package, "deb")
}

/// Tells whether a package goes: `name-`.
fn is_removed(package: &str) -> bool {
    package.ends_with('-')
}
