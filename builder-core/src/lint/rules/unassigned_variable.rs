//! `SC2154`.

use crate::lint::names;
use crate::lint::prelude::*;
use crate::lint::sh::report;
use crate::shell::Index;

rule! {
    /// ## What it does
    /// Finds a variable with small letters that neither the script nor `ARG` or `ENV` gives a value.
    ///
    /// ## Why it matters
    /// It is empty. Mostly the name is misspelt, or the `ARG` stands before `FROM` and is not repeated behind it.
    ///
    /// ## Example
    /// ```dockerfile
    /// RUN echo "$version" > /version
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// ARG version=1
    /// RUN echo "$version" > /version
    /// ```
    RULE {
        id: "unassigned-variable",
        codes: &["SC2154"],
        summary: "a variable that nothing gives a value",
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
    for reference in names.first_references() {
        let name = reference.name.as_str();
        let is_own = name.contains(|c: char| c.is_ascii_lowercase());
        if is_own && !names.is_assigned(name) && !names::is_internal(name) {
            report(cx, script, reference.span, format!("nothing gives `{name}` a value")).done();
        }
    }
}
