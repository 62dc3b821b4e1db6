//! `SC3045`.

use crate::lint::model::Grammar;
use crate::lint::prelude::*;
use crate::lint::sh::{calls, is, leading, report};
use crate::shell::Index;

rule! {
    /// ## What it does
    /// Finds a flag of a built-in command in a script for `sh`.
    ///
    /// ## Why it matters
    /// Debian's `/bin/sh` and that of Alpine do not know it: the command fails, or does something else. It works in
    /// `bash` only.
    ///
    /// ## Example
    /// ```dockerfile
    /// RUN printf -v name "%s" app && make "$name"
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// RUN name=app && make "$name"
    /// ```
    RULE {
        id: "flag-in-sh",
        codes: &["SC3045"],
        summary: "a flag of a built-in command, which POSIX sh does not know",
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
    for call in calls(index) {
        let Some((_, known, in_dash)) = FLAGS.iter().find(|(name, ..)| *name == call.name) else { continue };
        let known = if script.grammar == Grammar::Dash { in_dash } else { known };
        let mut words: Vec<u32> = Vec::new();
        for word in
            call.args.iter().take_while(|word| leading(word).starts_with('-') && !is(word, "-") && !is(word, "--"))
        {
            let text = leading(word);
            let odd = text.strip_prefix('-').unwrap_or_default().chars().find(|c| !known.contains(*c));
            if let Some(odd) = odd.filter(|_| !words.contains(&word.span.start)) {
                words.push(word.span.start);
                report(cx, script, word.span, format!("`{} -{odd}` is not in POSIX sh", call.name)).done();
            }
        }
    }
}

/// Names of commands, the flags that POSIX gives them, and those that dash has.
const FLAGS: [(&str, &str, &str); 16] = [
    ("cd", "LP", "LP"),
    ("export", "p", "p"),
    ("fc", "elnrs0123456789", "elnrs0123456789"),
    ("getopts", "", ""),
    ("hash", "r", "rv"),
    ("jobs", "lp", "lp"),
    ("printf", "", ""),
    ("read", "r", "rp"),
    ("readonly", "p", "p"),
    ("trap", "", ""),
    ("type", "", ""),
    ("ulimit", "f", "HSatfdscmlpnvwr"),
    ("umask", "S", "S"),
    ("unset", "fv", "fv"),
    ("wait", "", ""),
    ("unalias", "a", "a"),
];
