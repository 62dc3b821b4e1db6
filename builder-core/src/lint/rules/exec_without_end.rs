//! `SC2067`.

use crate::lint::prelude::*;
use crate::lint::sh::{calls, is, report};
use crate::shell::{Index, Word};

rule! {
    /// ## What it does
    /// Finds `find -exec` with no `\;` or `+` of its own.
    ///
    /// ## Why it matters
    /// The shell took the `;`, and `find` refuses the rest.
    ///
    /// ## Example
    /// ```dockerfile
    /// RUN find /srv -name core -exec rm {} ;
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// RUN find /srv -name core -exec rm {} \;
    /// ```
    RULE {
        id: "exec-without-end",
        codes: &["SC2067"],
        summary: "`-exec` without its end",
        level: Level::Error,
        group: Group::Shell,
        activation: Activation::Default,
        fixable: Fixable::Never,
        status: FIRST,
        check: Check::Tree(check),
    }
}

fn check(cx: &Context<'_>, script: &ScriptView<'_>, index: &Index<'_>) {
    for call in calls(index).filter(|call| call.base() == "find") {
        let at =
            call.args.iter().rposition(|word| ["-exec", "-execdir", "-ok", "-okdir"].iter().any(|flag| is(word, flag)));
        let Some(at) = at else { continue };
        let ends = |word: &Word| is(word, ";") || is(word, "+") || word.has_expansion();
        if let Some(last) = call.args.last().filter(|_| !call.args[at + 1..].iter().any(ends)) {
            report(cx, script, last.span, "this `-exec` has no end")
                .help("write `\\\\;` or `+` as a word of its own")
                .done();
        }
    }
}
