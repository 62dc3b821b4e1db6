//! `SC2114`.

use super::removal_of_root::FOLDERS;
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
            if FOLDERS.contains(&path.trim_end_matches('/')) && !path.is_empty() {
                report(cx, script, word.span, format!("this removes `{path}`, a folder of the system")).done();
            }
        }
    }
}
