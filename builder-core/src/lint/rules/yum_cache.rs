//! `DL3032`.

use crate::lint::edits::append;
use crate::lint::packages::{Manager, YUM, is_mounted, is_shipped, removes, removes_anything, uncleaned};
use crate::lint::prelude::*;

rule! {
    /// ## What it does
    /// Finds `yum install` in a `RUN` that does not empty the cache afterwards.
    ///
    /// Outside of hadolint's habits updates count as well; a stage that others only copy from is left alone, and so is a `RUN`
    /// that mounts a cache.
    ///
    /// ## Why it matters
    /// The cache is tens of megabytes that nothing in the image needs. Emptying it in a later `RUN` does not make the image
    /// smaller: the layer below still has it.
    ///
    /// ## Example
    /// ```dockerfile
    /// RUN yum install -y httpd-2.4.6
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// RUN yum install -y httpd-2.4.6 && yum clean all
    /// ```
    ///
    /// ## Fix safety
    /// Unsafe: files go from the layer, and a later `RUN` may count on them. There is a fix where the script is plain enough
    /// for a command to be appended.
    RULE {
        id: "yum-cache",
        codes: &["DL3032"],
        summary: "the cache of yum stays in the image",
        level: Level::Warning,
        group: Group::Size,
        activation: Activation::Default,
        fixable: Fixable::Sometimes,
        status: FIRST,
        check: Check::Script(check),
    }
}

fn check(cx: &Context<'_>, script: &ScriptView<'_>) {
    if !script.is_run() {
        return;
    }
    if !cx.is_hadolint() {
        return check_rpm(cx, script, &YUM, &["/var/cache/yum", "/var/cache/dnf"]);
    }
    let fills = |command: &CommandView<'_>| command.name() == "yum" && command.has_argument("install");
    let cleans = |command: &CommandView<'_>| {
        command.name() == "yum" && command.has_any_argument(&["clean", "all"])
            || removes_anything(command, &["-rf", "/var/cache/yum/*"])
    };
    if let Some(command) = uncleaned(cx, script, fills, cleans) {
        report(cx, script, &command);
    }
}

/// Looks for a command of yum or dnf behind which the cache is not emptied.
pub(super) fn check_rpm(cx: &Context<'_>, script: &ScriptView<'_>, manager: &Manager, folders: &[&str]) {
    const FILLING: [&str; 14] = [
        "install",
        "in",
        "reinstall",
        "rei",
        "update",
        "up",
        "upgrade",
        "downgrade",
        "groupinstall",
        "localinstall",
        "distro-sync",
        "builddep",
        "makecache",
        "swap",
    ];
    let fills = |command: &CommandView<'_>| {
        manager.read(command).is_some_and(|(verb, words)| match verb.text.as_str() {
            "group" | "module" => words.first().is_some_and(|word| FILLING.contains(&word.text.as_str())),
            verb => FILLING.contains(&verb),
        })
    };
    let cleans = |command: &CommandView<'_>| {
        // They are often the same program.
        let is_manager = matches!(command.name(), "yum" | "dnf" | "dnf5" | "microdnf" | "tdnf");
        is_manager && command.has_argument("clean") && command.has_any_argument(&["all", "packages"])
            || removes(command, folders)
    };
    let Some(command) = uncleaned(cx, script, fills, cleans) else { return };
    if !folders.iter().any(|folder| is_mounted(script, folder)) && is_shipped(cx, script.view.stage) {
        report(cx, script, &command);
    }
}

/// Reports a command that leaves its cache.
pub(super) fn report(cx: &Context<'_>, script: &ScriptView<'_>, command: &CommandView<'_>) {
    let clean = format!("{} clean all", command.name());
    let fix = append(cx, script, &clean);
    cx.report(script.view.index, command.span(), format!("the cache of `{}` stays in the image", command.name()))
        .help(format!("run `{clean}` in the same `RUN`, or mount a cache"))
        .maybe_fix(fix.map(|edit| Fix::risky(format!("append `{clean}`"), vec![edit])))
        .done();
}
