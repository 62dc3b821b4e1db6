//! `DL3041`.

use super::unpinned_yum_package::{check_hadolints, check_rpm};
use crate::lint::packages::DNF;
use crate::lint::prelude::*;

rule! {
    /// ## What it does
    /// Finds packages that `dnf install` and `microdnf install` get without a version, and modules without a stream.
    ///
    /// Files, addresses and names that hold variables are left alone.
    ///
    /// ## Why it matters
    /// The version is whatever the repository has on the day of the build: the same file gives other images.
    ///
    /// ## Example
    /// ```dockerfile
    /// RUN dnf install -y httpd
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// RUN dnf install -y httpd-2.4.62
    /// ```
    RULE {
        id: "unpinned-dnf-package",
        codes: &["DL3041"],
        summary: "dnf installs packages without a version",
        level: Level::Warning,
        group: Group::Reproducibility,
        activation: Activation::Default,
        fixable: Fixable::Never,
        status: FIRST,
        check: Check::Command(check),
    }
}

fn check(cx: &Context<'_>, command: &CommandView<'_>) {
    if !cx.is_hadolint() {
        return check_rpm(cx, command, &DNF);
    }
    if !matches!(command.name(), "dnf" | "microdnf") || !command.has_argument("install") {
        return;
    }
    let is_module = command.has_argument("module");
    if is_module || !command.has_argument("group") {
        check_hadolints(cx, command, is_module, &["install", "module"][..=usize::from(is_module)]);
    }
}
