//! `SC2236`.

use crate::lint::prelude::*;
use crate::lint::sh::{is, is_operator, report, tests};
use crate::shell::Index;

rule! {
    /// ## What it does
    /// Finds `[ ! -z … ]` and `[ ! -n … ]`.
    ///
    /// ## Why it matters
    /// The other flag says the same.
    ///
    /// ## Example
    /// ```dockerfile
    /// RUN if [ ! -z "$NAME" ]; then echo "$NAME"; fi
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// RUN if [ -n "$NAME" ]; then echo "$NAME"; fi
    /// ```
    ///
    /// ## Fix safety
    /// Safe: the condition is the same.
    RULE {
        id: "negated-emptiness",
        codes: &["SC2236"],
        summary: "`! -z` is `-n`",
        level: Level::Style,
        group: Group::Shell,
        activation: Activation::Opinion,
        fixable: Fixable::Always,
        status: FIRST,
        check: Check::Tree(check),
    }
}

fn check(cx: &Context<'_>, script: &ScriptView<'_>, index: &Index<'_>) {
    for test in tests(index) {
        for three in test.words.windows(3) {
            let [not, flag, operand] = three else { continue };
            if is_operator(not, &["!"]) && is_operator(flag, &["-z", "-n"]) {
                let other = if is(flag, "-z") { "-n" } else { "-z" };
                let edit = Edit::replace(script.place(not.span.cover(flag.span)), other);
                let message = format!("`{other}` says this without `!`");
                let fix = Fix::safe(format!("write `{other}`"), vec![edit]);
                report(cx, script, not.span.cover(operand.span), message).fix(fix).done();
            }
        }
    }
}
