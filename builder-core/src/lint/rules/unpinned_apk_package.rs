//! `DL3018`.

use crate::lint::packages::{APK, has_extension, report_unpinned};
use crate::lint::prelude::*;

rule! {
    /// ## What it does
    /// Finds packages that `apk add` gets without a version.
    ///
    /// Files and names that hold variables are left alone.
    ///
    /// ## Why it matters
    /// The version is whatever the repository has on the day of the build: the same file gives other images. A release of Alpine
    /// keeps only its newest packages, so a bound such as `name~=1.2` lasts longer than `name=1.2.3-r0`.
    ///
    /// ## Example
    /// ```dockerfile
    /// RUN apk add --no-cache curl
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// RUN apk add --no-cache 'curl~=8.9'
    /// ```
    RULE {
        id: "unpinned-apk-package",
        codes: &["DL3018"],
        summary: "apk adds packages without a version",
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
        if command.name() != "apk" || !command.has_argument("add") {
            return;
        }
        let words = command.words_without(&["t", "virtual", "repository", "X"]);
        words.filter(|word| word.text != "add" && !is_pinned(&word.text)).collect()
    } else {
        let Some((verb, packages)) = APK.read(command) else { return };
        if verb.text != "add" {
            return;
        }
        let is_other = |text: &str| text.starts_with('!') || text.contains('/');
        packages.into_iter().filter(|word| word.is_literal && !is_pinned(&word.text) && !is_other(&word.text)).collect()
    };
    report_unpinned(cx, command, &packages, "write `name=version` or `name~=version`");
}

fn is_pinned(package: &str) -> bool {
    package.contains(['=', '~', '<', '>']) || has_extension(package, "apk")
}
