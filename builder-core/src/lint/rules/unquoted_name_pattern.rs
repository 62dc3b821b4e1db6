//! `SC2061`.

use crate::lint::prelude::*;
use crate::lint::sh::{calls, report};
use crate::shell::Index;

rule! {
    /// ## What it does
    /// Finds a pattern of `find -name` and the like outside of quotes.
    ///
    /// ## Why it matters
    /// Where a file in the current folder fits, the shell puts its name there.
    ///
    /// ## Example
    /// ```dockerfile
    /// RUN find /srv -name *.pyc -delete
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// RUN find /srv -name '*.pyc' -delete
    /// ```
    ///
    /// ## Fix safety
    /// Unsafe: where a file of the current folder fitted, `find` was given its name and now gets the pattern.
    RULE {
        id: "unquoted-name-pattern",
        codes: &["SC2061"],
        summary: "the shell takes the pattern of `find -name`",
        level: Level::Warning,
        group: Group::Shell,
        activation: Activation::Default,
        fixable: Fixable::Sometimes,
        status: FIRST,
        check: Check::Tree(check),
    }
}

fn check(cx: &Context<'_>, script: &ScriptView<'_>, index: &Index<'_>) {
    for call in calls(index).filter(|call| call.base() == "find") {
        for two in call.args.windows(2) {
            let is_flag = two[0].literal().is_some_and(|flag| FLAGS.contains(&flag.as_ref()));
            if is_flag && two[1].has_glob() {
                let place = script.place(two[1].span);
                let plain = !script.slice(two[1].span).contains(['"', '\'', '\\', '$', '`']);
                let edits = vec![Edit::insert(place.start, "'"), Edit::insert(place.end, "'")];
                let fix = plain.then(|| Fix::risky("put quotes around it", edits));
                report(cx, script, two[1].span, "the shell may take this pattern before `find` does")
                    .maybe_fix(fix)
                    .done();
            }
        }
    }
}

const FLAGS: [&str; 10] =
    ["-ilname", "-iname", "-ipath", "-iregex", "-iwholename", "-lname", "-name", "-path", "-regex", "-wholename"];
