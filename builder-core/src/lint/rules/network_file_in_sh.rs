//! `SC3025`.

use crate::lint::prelude::*;
use crate::lint::sh::{leading, report};
use crate::shell::Index;

rule! {
    /// ## What it does
    /// Finds a network file of `bash` in a script for `sh`.
    ///
    /// ## Why it matters
    /// Debian's `/bin/sh` and that of Alpine do not know it: the command fails, or does something else. It works in
    /// `bash` only.
    ///
    /// ## Example
    /// ```dockerfile
    /// RUN echo > /dev/tcp/localhost/80
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// RUN nc -z localhost 80
    /// ```
    RULE {
        id: "network-file-in-sh",
        codes: &["SC3025"],
        summary: "a network file of `bash`, which POSIX sh does not know",
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
    for redirect in index.commands.iter().flat_map(|site| &site.command.redirects) {
        let text = leading(&redirect.target);
        if text.starts_with("/dev/tcp/") || text.starts_with("/dev/udp/") {
            report(cx, script, redirect.target.span, "POSIX sh does not connect to the network").done();
        }
    }
}
