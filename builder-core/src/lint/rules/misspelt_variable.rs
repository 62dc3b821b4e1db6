//! `SC2153`.

use crate::lint::names;
use crate::lint::prelude::*;
use crate::lint::sh::report;
use crate::shell::Index;

rule! {
    /// ## What it does
    /// Finds a variable that nothing gives a value, and whose name is nearly that of one that has a value.
    ///
    /// ## Why it matters
    /// It is mostly misspelt.
    ///
    /// ## Example
    /// ```dockerfile
    /// ARG SOURCE_DIR
    /// RUN cp /a "$SOURCE_DIRS"
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// ARG SOURCE_DIR
    /// RUN cp /a "$SOURCE_DIR"
    /// ```
    RULE {
        id: "misspelt-variable",
        codes: &["SC2153"],
        summary: "a variable that is like another one",
        level: Level::Info,
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
        let is_global = !name.contains(|c: char| c.is_ascii_lowercase())
            && name.starts_with(|c: char| c == '_' || c.is_ascii_uppercase());
        if !is_global || names.is_assigned(name) || names::is_internal(name) {
            continue;
        }
        if let Some(other) = names.nearest(name) {
            report(cx, script, reference.span, format!("nothing gives `{name}` a value, but `{other}` has one")).done();
        }
    }
}
