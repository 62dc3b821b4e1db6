//! `SC2143`.

use crate::lint::prelude::*;
use crate::lint::sh::{call_at, is_operator, report, tests};
use crate::shell::{Index, PartKind, Word, WordPart};

rule! {
    /// ## What it does
    /// Finds `[ -n "$(… | grep …)" ]`.
    ///
    /// ## Why it matters
    /// `grep -q` says the same with its status, and stops at the first line.
    ///
    /// ## Example
    /// ```dockerfile
    /// RUN if [ -n "$(grep root /etc/passwd)" ]; then echo yes; fi
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// RUN if grep -q root /etc/passwd; then echo yes; fi
    /// ```
    RULE {
        id: "grep-in-test",
        codes: &["SC2143"],
        summary: "a condition on whether `grep` writes something",
        level: Level::Style,
        group: Group::Shell,
        activation: Activation::Default,
        fixable: Fixable::Never,
        status: FIRST,
        check: Check::Tree(check),
    }
}

fn check(cx: &Context<'_>, script: &ScriptView<'_>, index: &Index<'_>) {
    for test in tests(index) {
        let words: Vec<&Word> = test.words.iter().filter(|word| !is_operator(word, &["!"])).collect();
        let (word, start) = match words.as_slice() {
            [word] => (*word, word.span),
            [flag, word] if is_operator(flag, &["-n", "-z"]) => (*word, flag.span),
            _ => continue,
        };
        let Some(WordPart { kind: PartKind::CommandSubstitution { body, .. }, .. }) = word.only_part() else {
            continue;
        };
        let [item] = body.items.as_slice() else { continue };
        let last = item.first.commands.len() - 1;
        let Some(call) = call_at(&item.first, last).filter(|_| item.rest.is_empty()) else { continue };
        let counts = call.has_flag(&["c", "count", "o", "only-matching", "q", "quiet"]);
        let is_new = matches!(
            word.only_part(),
            Some(WordPart { kind: PartKind::CommandSubstitution { backticks: false, .. }, .. })
        );
        if ["grep", "egrep", "fgrep", "zgrep"].contains(&call.base()) && !counts && is_new {
            report(cx, script, start.cover(word.span), "`grep -q` says this with its status").done();
        }
    }
}
