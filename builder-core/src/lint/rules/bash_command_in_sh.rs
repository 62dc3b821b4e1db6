//! `SC3044`.

use crate::lint::prelude::*;
use crate::lint::sh::{calls, report};
use crate::shell::Index;

rule! {
    /// ## What it does
    /// Finds a command of `bash` in a script for `sh`.
    ///
    /// ## Why it matters
    /// Debian's `/bin/sh` and that of Alpine do not know it: the command fails, or does something else. It works in
    /// `bash` only.
    ///
    /// ## Example
    /// ```dockerfile
    /// RUN pushd /srv && make && popd
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// RUN (cd /srv && make)
    /// ```
    RULE {
        id: "bash-command-in-sh",
        codes: &["SC3044"],
        summary: "a command of `bash`, which POSIX sh does not know",
        level: Level::Warning,
        group: Group::Shell,
        activation: Activation::Default,
        fixable: Fixable::Never,
        status: FIRST,
        check: Check::Tree(check),
    }
}

fn check(cx: &Context<'_>, script: &ScriptView<'_>, index: &Index<'_>) {
    if !script.grammar.is_narrow() {
        return;
    }
    for call in calls(index).filter(|call| COMMANDS.contains(&call.name.as_ref())) {
        report(cx, script, call.head.span, format!("POSIX sh has no `{}`", call.name)).done();
    }
}

const COMMANDS: [&str; 14] = [
    "caller",
    "compgen",
    "complete",
    "compopt",
    "declare",
    "dirs",
    "disown",
    "enable",
    "mapfile",
    "popd",
    "pushd",
    "readarray",
    "shopt",
    "typeset",
];
