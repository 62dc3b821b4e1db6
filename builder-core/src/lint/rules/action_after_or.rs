//! `SC2146`.

use crate::lint::prelude::*;
use crate::lint::sh::{calls, report};
use crate::shell::Index;

rule! {
    /// ## What it does
    /// Finds an action of `find` behind `-o` without parentheses.
    ///
    /// ## Why it matters
    /// It runs for the names of the last side alone.
    ///
    /// ## Example
    /// ```dockerfile
    /// RUN find /srv -name "*.a" -o -name "*.o" -exec rm {} +
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// RUN find /srv \( -name "*.a" -o -name "*.o" \) -exec rm {} +
    /// ```
    RULE {
        id: "action-after-or",
        codes: &["SC2146"],
        summary: "an action of `find` belongs to one side of `-o`",
        level: Level::Warning,
        group: Group::Shell,
        activation: Activation::Default,
        fixable: Fixable::Never,
        status: FIRST,
        check: Check::Tree(check),
    }
}

fn check(cx: &Context<'_>, script: &ScriptView<'_>, index: &Index<'_>) {
    for call in calls(index).filter(|call| call.base() == "find") {
        let texts: Vec<String> = call.args.iter().map(|word| word.literal().unwrap_or_default().into_owned()).collect();
        let Some(or) = texts.iter().position(|text| text == "-o" || text == "-or") else { continue };
        let is_action = |text: &String| {
            [
                "-exec", "-execdir", "-delete", "-print", "-print0", "-fls", "-fprint", "-fprint0", "-fprintf", "-ls",
                "-ok", "-okdir", "-printf",
            ]
            .contains(&text.as_str())
        };
        let before = texts.iter().take(or).any(|text| is_action(text) || text == "-prune");
        let grouped = texts.iter().any(|text| text == "(" || text == ")");
        if let Some(at) = texts.iter().position(is_action).filter(|at| *at > or && !before && !grouped) {
            let after = texts.iter().skip(at).any(|text| text == "-o" || text == "-or");
            if !after {
                report(cx, script, call.args[at].span, "this runs for the last side of `-o` alone").done();
            }
        }
    }
}
