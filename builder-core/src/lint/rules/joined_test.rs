//! `SC2166`.

use crate::lint::prelude::*;
use crate::lint::sh::{Test, is_operator, report, tests};
use crate::shell::{Index, Word};

rule! {
    /// ## What it does
    /// Finds `-a` and `-o` between the conditions of `[`.
    ///
    /// ## Why it matters
    /// POSIX took them away: shells differ in how they read them.
    ///
    /// ## Example
    /// ```dockerfile
    /// RUN [ -f /a -a -f /b ]
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// RUN [ -f /a ] && [ -f /b ]
    /// ```
    ///
    /// ## Fix safety
    /// Safe: the same conditions are looked at. Where there are parentheses, or `-a` and `-o` both, there is no fix.
    RULE {
        id: "joined-test",
        codes: &["SC2166"],
        summary: "`-a` and `-o` in `[ … ]`",
        level: Level::Warning,
        group: Group::Shell,
        activation: Activation::Default,
        fixable: Fixable::Sometimes,
        status: FIRST,
        check: Check::Tree(check),
    }
}

fn check(cx: &Context<'_>, script: &ScriptView<'_>, index: &Index<'_>) {
    for test in tests(index).filter(|test| !test.is_double) {
        let joins: Vec<(usize, &Word)> = test
            .words
            .iter()
            .enumerate()
            .skip(1)
            .filter(|(at, word)| {
                is_operator(word, &["-a", "-o"])
                    && *at + 1 < test.words.len()
                    && !is_operator(&test.words[at - 1], &["!", "(", "\\("])
            })
            .collect();
        let fix = fix(script, index, &test, &joins);
        for (_, word) in &joins {
            let message = "shells differ in how they read this";
            report(cx, script, word.span, message).maybe_fix(fix.clone()).done();
        }
    }
}

fn fix(script: &ScriptView<'_>, index: &Index<'_>, test: &Test<'_>, joins: &[(usize, &Word)]) -> Option<Fix> {
    let site = index.commands.get(test.at)?;
    let is_first = site.after.is_none() && site.pipeline.commands.len() == 1 && site.pipeline.negated.is_none();
    let has_groups = test.words.iter().any(|word| is_operator(word, &["(", ")", "!"]));
    let mut operators = joins.iter().map(|(_, word)| script.slice(word.span));
    let first = operators.next()?;
    if !is_first || has_groups || !site.command.redirects.is_empty() || operators.any(|other| other != first) {
        return None;
    }
    let joined = if first == "-a" { "] && [" } else { "] || [" };
    let edits = joins.iter().map(|(_, word)| Edit::replace(script.place(word.span), joined)).collect();
    Some(Fix::safe("write a `[` for each", edits))
}
