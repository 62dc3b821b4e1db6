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
    for call in calls(index).filter(|call| call.base() == "egrep") {
        let edit = Edit::replace(script.place(call.head.span), "grep -E");
        let fix = (call.name == "egrep").then(|| Fix::safe("write `grep -E`", vec![edit]));
        report(cx, script, call.span, "`egrep` is `grep -E` under an old name").maybe_fix(fix).done();
    }
}
