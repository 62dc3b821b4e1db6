//! `SC2034`.

use crate::lint::names;
use crate::lint::prelude::*;
use crate::lint::sh::report;
use crate::shell::Index;

rule! {
    /// ## What it does
    /// Finds a variable that is given a value and never read nor exported.
    ///
    /// ## Why it matters
    /// It does nothing. Mostly an `export` is missing, or the name is misspelt.
    ///
    /// ## Example
    /// ```dockerfile
    /// RUN version=1; echo built
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// RUN version=1; echo "built $version"
    /// ```
    RULE {
        id: "unused-variable",
        codes: &["SC2034"],
        summary: "a variable that nothing reads",
        level: Level::Warning,
        group: Group::Shell,
        activation: Activation::Default,
        fixable: Fixable::Never,
        status: FIRST,
        check: Check::Tree(check),
    }
}

fn check(cx: &Context<'_>, script: &ScriptView<'_>, index: &Index<'_>) {
    let names = names::Names::new(script, index);
    for assigned in &names.assignments {
        let name = assigned.name.as_str();
        if !names.is_read(name) && !names::is_internal(name) && !name.starts_with('_') {
            report(cx, script, assigned.span, format!("nothing reads `{name}`"))
                .help("export it, or take it away")
                .done();
        }
    }
}
