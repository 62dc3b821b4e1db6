//! `SC3040`.

use crate::lint::model::Grammar;
use crate::lint::prelude::*;
use crate::lint::sh::{calls, leading, report};
use crate::shell::Index;

rule! {
    /// ## What it does
    /// Finds an option of `set` in a script for `sh`.
    ///
    /// ## Why it matters
    /// Debian's `/bin/sh` and that of Alpine do not know it: the command fails, or does something else. It works in
    /// `bash` only.
    ///
    /// ## Example
    /// ```dockerfile
    /// RUN set -o pipefail && make | tee /build.log
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// SHELL ["/bin/bash", "-c"]
    /// RUN set -o pipefail && make | tee /build.log
    /// ```
    RULE {
        id: "set-option-in-sh",
        codes: &["SC3040"],
        summary: "an option of `set`, which POSIX sh does not know",
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
    for call in calls(index).filter(|call| call.name == "set") {
        for two in call.args.windows(2) {
            let (flag, Some(option)) = (leading(&two[0]), two[1].literal()) else { continue };
            let asks = flag.starts_with(['-', '+']) && !flag.starts_with("--") && flag.ends_with('o');
            let in_dash = option == "pipefail" && script.grammar == Grammar::Dash;
            if asks && !in_dash && !OPTIONS.contains(&option.as_ref()) && !option.starts_with('-') {
                report(cx, script, two[1].span, format!("POSIX sh has no option `{option}`")).done();
            }
        }
    }
}

const OPTIONS: [&str; 14] = [
    "allexport",
    "errexit",
    "ignoreeof",
    "monitor",
    "noclobber",
    "noexec",
    "noglob",
    "nolog",
    "notify",
    "nounset",
    "verbose",
    "vi",
    "xtrace",
    "emacs",
];
