//! `SC2237`.

use crate::lint::prelude::*;
use crate::lint::sh::{is_operator, report, tests};
use crate::shell::Index;

rule! {
    /// ## What it does
    /// Finds `! [ -z … ]` and `! [ -n … ]`.
    ///
    /// ## Why it matters
    /// The other flag says the same.
    ///
    /// ## Example
    /// ```dockerfile
    /// RUN if ! [ -z "$NAME" ]; then echo "$NAME"; fi
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// RUN if [ -n "$NAME" ]; then echo "$NAME"; fi
    /// ```
    RULE {
        id: "negated-test",
        codes: &["SC2237"],
        summary: "`! [ -z … ]` is `[ -n … ]`",
        level: Level::Style,
        group: Group::Shell,
        activation: Activation::Opinion,
        fixable: Fixable::Never,
        status: FIRST,
        check: Check::Tree(check),
    }
}

fn check(cx: &Context<'_>, script: &ScriptView<'_>, index: &Index<'_>) {
    for test in tests(index) {
        let Some(site) = index.commands.get(test.at) else { continue };
        let is_short = matches!(test.words, [flag, _] if is_operator(flag, &["-z", "-n"]));
        if let Some(span) = site.pipeline.negated.filter(|_| is_short && site.pipeline.commands.len() == 1) {
            report(cx, script, span.cover(test.span), "the other flag says this without `!`").done();
        }
    }
}
