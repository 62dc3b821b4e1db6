//! `SC2097`.

use crate::lint::prelude::*;
use crate::lint::sh::report;
use crate::shell::Index;

rule! {
    /// ## What it does
    /// Finds `name=value command $name`.
    ///
    /// ## Why it matters
    /// The shell expands `$name` before it assigns: the value is the one from before.
    ///
    /// ## Example
    /// ```dockerfile
    /// RUN VERSION=1 ./build "$VERSION"
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// RUN VERSION=1 && ./build "$VERSION"
    /// ```
    RULE {
        id: "assignment-too-late",
        codes: &["SC2097"],
        summary: "an assignment that only the command itself sees",
        level: Level::Warning,
        group: Group::Shell,
        activation: Activation::Default,
        fixable: Fixable::Never,
        status: FIRST,
        check: Check::Tree(check),
    }
}

fn check(cx: &Context<'_>, script: &ScriptView<'_>, index: &Index<'_>) {
    for (assignment, _) in crate::lint::sh::early_uses(index) {
        let message =
            format!("`{}` is assigned for this command alone, after its arguments are expanded", assignment.name.value);
        report(cx, script, assignment.span, message).done();
    }
}
