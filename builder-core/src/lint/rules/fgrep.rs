//! `SC2197`.

use super::egrep::check_old_name;
use crate::lint::prelude::*;
use crate::shell::Index;

rule! {
    /// ## What it does
    /// Finds `fgrep`.
    ///
    /// ## Why it matters
    /// It is not in POSIX, and newer versions of it print a warning.
    ///
    /// ## Example
    /// ```dockerfile
    /// RUN fgrep root /etc/passwd
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// RUN grep -F root /etc/passwd
    /// ```
    ///
    /// ## Fix safety
    /// Safe: `fgrep` runs `grep -F`.
    RULE {
        id: "fgrep",
        codes: &["SC2197"],
        summary: "`fgrep` is `grep -F`",
        level: Level::Info,
        group: Group::Shell,
        activation: Activation::Default,
        fixable: Fixable::Sometimes,
        status: FIRST,
        check: Check::Tree(check),
    }
}

fn check(cx: &Context<'_>, script: &ScriptView<'_>, index: &Index<'_>) {
    check_old_name(cx, script, index, "fgrep", "grep -F");
}
