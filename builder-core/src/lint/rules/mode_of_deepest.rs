//! `SC2174`.

use crate::lint::prelude::*;
use crate::lint::sh::{calls, report};
use crate::shell::{Index, Word};

rule! {
    /// ## What it does
    /// Finds `mkdir -p` with a mode and a path of several folders.
    ///
    /// ## Why it matters
    /// The folders on the way there get the usual mode.
    ///
    /// ## Example
    /// ```dockerfile
    /// RUN mkdir -p -m 700 /srv/secret/keys
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// RUN mkdir -p /srv/secret && mkdir -m 700 /srv/secret/keys
    /// ```
    RULE {
        id: "mode-of-deepest",
        codes: &["SC2174"],
        summary: "`mkdir -p -m` gives the mode to the deepest folder alone",
        level: Level::Warning,
        group: Group::Shell,
        activation: Activation::Default,
        fixable: Fixable::Never,
        status: FIRST,
        check: Check::Tree(check),
    }
}

fn check(cx: &Context<'_>, script: &ScriptView<'_>, index: &Index<'_>) {
    for call in calls(index).filter(|call| call.name == "mkdir" && call.has_flag(&["p", "parents"])) {
        let Some((_, word)) = call.flags().find(|(flag, _)| flag == "m" || flag == "mode") else { continue };
        let is_deep = |word: &&Word| {
            let text = word.unquoted(script.text.as_str());
            let path = text.trim_start_matches("../").trim_start_matches("./").trim_end_matches('/');
            path.contains('/')
        };
        if call.operands().find(is_deep).is_some() {
            report(cx, script, word.span, "the folders on the way get the usual mode").done();
        }
    }
}
