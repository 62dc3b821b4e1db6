//! `DL3040`.

use super::yum_cache::{check_rpm, report};
use crate::lint::packages::{DNF, cache_mounts, removes_anything, uncleaned};
use crate::lint::prelude::*;

rule! {
    /// ## What it does
    /// Finds `dnf install` and `microdnf install`, `upgrade` and `reinstall`, in a `RUN` that does not empty the cache afterwards.
    ///
    /// Outside of hadolint's habits a stage that others only copy from is left alone.
    ///
    /// ## Why it matters
    /// The cache is tens of megabytes that nothing in the image needs. Emptying it in a later `RUN` does not make the image
    /// smaller: the layer below still has it.
    ///
    /// ## Example
    /// ```dockerfile
    /// RUN dnf install -y httpd-2.4.62
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// RUN dnf install -y httpd-2.4.62 && dnf clean all
    /// ```
    ///
    /// ## Fix safety
    /// Unsafe: files go from the layer, and a later `RUN` may count on them. There is a fix where the script is plain enough
    /// for a command to be appended.
    RULE {
        id: "dnf-cache",
        codes: &["DL3040"],
        summary: "the cache of dnf stays in the image",
        level: Level::Warning,
        group: Group::Size,
        activation: Activation::Default,
        fixable: Fixable::Sometimes,
        status: FIRST,
        check: Check::Script(check),
    }
}

const LIBDNF: &str = "/var/cache/libdnf5";

fn check(cx: &Context<'_>, script: &ScriptView<'_>) {
    if !script.is_run() {
        return;
    }
    if !cx.is_hadolint() {
        return check_rpm(cx, script, &DNF, &["/var/cache/dnf", LIBDNF, "/var/cache/yum"]);
    }
    if cache_mounts(script).contains(&LIBDNF) {
        return;
    }
    for name in ["dnf", "microdnf"] {
        let fills = |command: &CommandView<'_>| {
            let verbs = ["install", "in", "upgrade", "up", "reinstall", "rei"];
            command.name() == name && command.has_any_argument(&verbs)
        };
        let cleans = |command: &CommandView<'_>| {
            command.name() == name && command.has_any_argument(&["clean", "all"])
                || removes_anything(command, &["-rf", "/var/cache/libdnf5*"])
        };
        if let Some(command) = uncleaned(cx, script, fills, cleans) {
            return report(cx, script, &command);
        }
    }
}
