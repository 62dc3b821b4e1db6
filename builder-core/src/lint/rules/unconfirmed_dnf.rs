//! `DL3038`.

use super::unconfirmed_yum::{hadolints, report, unconfirmed};
use crate::lint::packages::DNF;
use crate::lint::prelude::*;

rule! {
    /// ## What it does
    /// Finds `dnf install` and `microdnf install` without `-y`, and outside of hadolint's habits the other commands that ask.
    ///
    /// ## Why it matters
    /// The question has nobody to answer it, and the build fails.
    ///
    /// ## Example
    /// ```dockerfile
    /// RUN dnf install httpd-2.4.62
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// RUN dnf install -y httpd-2.4.62
    /// ```
    ///
    /// ## Fix safety
    /// Safe: without `-y` there is no image.
    RULE {
        id: "unconfirmed-dnf",
        codes: &["DL3038"],
        summary: "dnf asks before it installs",
        level: Level::Warning,
        group: Group::Correctness,
        activation: Activation::Default,
        fixable: Fixable::Sometimes,
        status: FIRST,
        check: Check::Command(check),
    }
}

fn check(cx: &Context<'_>, command: &CommandView<'_>) {
    let verb = if cx.is_hadolint() { hadolints(command, &["dnf", "microdnf"]) } else { unconfirmed(cx, command, &DNF) };
    report(cx, command, verb);
}
