//! `SC2114`.

use crate::lint::prelude::*;
use crate::lint::sh::{calls, report};
use crate::shell::Index;

rule! {
    /// ## What it does
    /// Finds `rm -r` of `/usr`, `/etc` and the like.
    ///
    /// ## Why it matters
    /// Nothing works without them.
    ///
    /// ## Example
    /// ```dockerfile
    /// RUN rm -rf /usr
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// RUN rm -rf /usr/src/app
    /// ```
    RULE {
        id: "removal-of-system-folder",
        codes: &["SC2114"],
        summary: "`rm -r` of a folder of the system",
        level: Level::Warning,
        group: Group::Shell,
        activation: Activation::Default,
        fixable: Fixable::Never,
        status: FIRST,
        check: Check::Tree(check),
    }
}

fn check(cx: &Context<'_>, script: &ScriptView<'_>, index: &Index<'_>) {
    for call in calls(index).filter(|call| call.base() == "rm" && call.has_flag(&["r", "R", "recursive"])) {
        for word in call.operands() {
            let Some(path) = word.literal() else { continue };
            let plain = path.trim_end_matches('/');
            let is_grave = [
                "/bin",
                "/etc",
                "/home",
                "/mnt",
                "/usr",
                "/usr/share",
                "/usr/local",
                "/var",
                "/lib",
                "/dev",
                "/media",
                "/boot",
                "/lib64",
                "/usr/bin",
            ]
            .contains(&plain);
            if is_grave || path == "/" {
                report(cx, script, word.span, format!("this removes `{path}`, a folder of the system")).done();
            }
        }
    }
}
