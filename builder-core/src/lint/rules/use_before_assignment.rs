//! `SC2098`.

use crate::lint::prelude::*;
use crate::lint::sh::report;
use crate::shell::Index;

rule! {
    /// ## What it does
    /// Finds `$name` in the arguments of a command that `name=value` stands before.
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
        id: "use-before-assignment",
        codes: &["SC2098"],
        summary: "a variable is expanded before it is assigned",
        level: Level::Warning,
        group: Group::Shell,
        activation: Activation::Default,
        fixable: Fixable::Never,
        status: FIRST,
        check: Check::Tree(check),
    }
}

fn check(cx: &Context<'_>, script: &ScriptView<'_>, index: &Index<'_>) {
    for (assignment, span) in crate::lint::sh::early_uses(index) {
        let message = format!("this is expanded before `{}` is assigned", assignment.name.value);
        report(cx, script, span, message).done();
    }
}
