//! `SC3053`.

use crate::lint::prelude::*;
use crate::lint::sh::report;
use crate::shell::{Index, ParameterOperator};

rule! {
    /// ## What it does
    /// Finds `${!name}` in a script for `sh`.
    ///
    /// ## Why it matters
    /// Debian's `/bin/sh` and that of Alpine do not know it: the command fails, or does something else. It works in
    /// `bash` only.
    ///
    /// ## Example
    /// ```dockerfile
    /// RUN name=HOME; echo "${!name}"
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// RUN name=HOME; eval "echo \"\$$name\""
    /// ```
    RULE {
        id: "indirect-expansion-in-sh",
        codes: &["SC3053"],
        summary: "`${!name}`, which POSIX sh does not know",
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
    for (parameter, site) in index.parameters() {
        if parameter.indirect && !matches!(parameter.operator, Some(ParameterOperator::Names { .. })) {
            report(cx, script, site.part.span, "POSIX sh has no `${!name}`").done();
        }
    }
}
