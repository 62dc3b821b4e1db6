//! `SC3028`.

use crate::lint::names;
use crate::lint::prelude::*;
use crate::lint::sh::report;
use crate::shell::Index;

rule! {
    /// ## What it does
    /// Finds a variable of `bash` in a script for `sh`.
    ///
    /// ## Why it matters
    /// Debian's `/bin/sh` and that of Alpine do not know it: the command fails, or does something else. It works in
    /// `bash` only.
    ///
    /// ## Example
    /// ```dockerfile
    /// RUN echo "$RANDOM" > /n
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// RUN shuf -i 0-32767 -n 1 > /n
    /// ```
    RULE {
        id: "bash-variable-in-sh",
        codes: &["SC3028"],
        summary: "a variable of `bash`, which POSIX sh does not know",
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
    let names = names::Names::new(script, index);
    for (parameter, site) in index.parameters() {
        let name = parameter.name.as_str();
        let is_known =
            NAMES.contains(&name) || name.starts_with("COMP_") || name.starts_with("BASH_") && name != "BASH_ENV";
        if is_known && !names.is_assigned(name) {
            report(cx, script, site.part.span, format!("POSIX sh has no `{name}`")).done();
        }
    }
}

const NAMES: [&str; 23] = [
    "RANDOM",
    "UID",
    "EUID",
    "OSTYPE",
    "HOSTNAME",
    "HOSTTYPE",
    "MACHTYPE",
    "SECONDS",
    "SRANDOM",
    "EPOCHSECONDS",
    "EPOCHREALTIME",
    "BASHPID",
    "BASHOPTS",
    "DIRSTACK",
    "FUNCNAME",
    "GROUPS",
    "PIPESTATUS",
    "SHELLOPTS",
    "SHLVL",
    "TIMEFORMAT",
    "REPLY_",
    "MAPFILE",
    "COPROC",
];
