//! `SC2035`.

use crate::lint::prelude::*;
use crate::lint::sh::{calls, is, report};
use crate::shell::{Index, PartKind, WordPart};

rule! {
    /// ## What it does
    /// Finds an argument that begins with `*` or `?`.
    ///
    /// ## Why it matters
    /// A file whose name begins with `-` becomes an option of the command.
    ///
    /// ## Example
    /// ```dockerfile
    /// RUN chmod 755 *.sh
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// RUN chmod 755 ./*.sh
    /// ```
    ///
    /// ## Fix safety
    /// Unsafe: the command sees the names with `./` before them.
    RULE {
        id: "pattern-as-option",
        codes: &["SC2035"],
        summary: "a pattern for file names that may give an option",
        level: Level::Info,
        group: Group::Shell,
        activation: Activation::Default,
        fixable: Fixable::Sometimes,
        status: FIRST,
        check: Check::Tree(check),
    }
}

fn check(cx: &Context<'_>, script: &ScriptView<'_>, index: &Index<'_>) {
    for call in calls(index).filter(|call| !["echo", "printf"].contains(&call.name.as_ref())) {
        for word in call.args.iter().take_while(|word| !is(word, "--")) {
            let Some(WordPart { kind: PartKind::Glob(text), span }) = word.parts.first() else { continue };
            if !text.starts_with(['*', '?']) {
                continue;
            }
            let message = "a file whose name begins with `-` becomes an option here";
            let fix = Fix::risky("write `./` before it", vec![Edit::insert(script.place(*span).start, "./")]);
            let is_path = call.base() != "find" && !call.base().starts_with("apt");
            report(cx, script, *span, message).maybe_fix(is_path.then_some(fix)).done();
        }
    }
}
