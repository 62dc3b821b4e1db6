//! `SC2196`.

use crate::lint::prelude::*;
use crate::lint::sh::{calls, report};
use crate::shell::Index;

rule! {
    /// ## What it does
    /// Finds `egrep`.
    ///
    /// ## Why it matters
    /// It is not in POSIX, and newer versions of it print a warning.
    ///
    /// ## Example
    /// ```dockerfile
    /// RUN egrep root /etc/passwd
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// RUN grep -E root /etc/passwd
    /// ```
    ///
    /// ## Fix safety
    /// Safe: `egrep` runs `grep -E`.
    RULE {
        id: "egrep",
        codes: &["SC2196"],
        summary: "`egrep` is `grep -E`",
        level: Level::Info,
        group: Group::Shell,
        activation: Activation::Default,
        fixable: Fixable::Sometimes,
        status: FIRST,
        check: Check::Tree(check),
    }
}

fn check(cx: &Context<'_>, script: &ScriptView<'_>, index: &Index<'_>) {
    check_old_name(cx, script, index, "egrep", "grep -E");
}

/// Reports every use of one of grep's old names.
pub(super) fn check_old_name(cx: &Context<'_>, script: &ScriptView<'_>, index: &Index<'_>, old: &str, new: &str) {
    for call in calls(index).filter(|call| call.base() == old) {
        let edit = Edit::replace(script.place(call.head.span), new);
        let fix = (call.name == old).then(|| Fix::safe(format!("write `{new}`"), vec![edit]));
        report(cx, script, call.span, format!("`{old}` is `{new}` under an old name")).maybe_fix(fix).done();
    }
}
