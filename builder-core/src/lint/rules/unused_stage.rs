//! A stage that nothing uses.

use std::collections::HashSet;

use crate::lint::prelude::*;
use crate::semantic::reachability::from_operands;

rule! {
    /// ## What it does
    /// Finds stages that no other stage begins from or copies from, and that are not the last one.
    ///
    /// ## Why it matters
    /// They are built only when they are asked for by name; where nobody does, they are left over.
    ///
    /// ## Example
    /// ```dockerfile
    /// FROM golang:1.22 AS tools
    /// FROM debian:12
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// FROM debian:12
    /// ```
    RULE {
        id: "unused-stage",
        codes: &[],
        summary: "a stage that nothing uses",
        level: Level::Info,
        group: Group::Maintenance,
        activation: Activation::Opinion,
        fixable: Fixable::Never,
        status: FIRST,
        check: Check::File(check),
    }
}

fn check(cx: &Context<'_>) {
    let mut named: HashSet<String> = HashSet::new();
    let mut bases: HashSet<usize> = HashSet::new();
    for stage in &cx.model.stages {
        if stage.image.contains('$') {
            return;
        }
        bases.extend(stage.parent);
    }
    for view in &cx.model.instructions {
        for (_, from) in from_operands(view.instruction) {
            if from.value.contains('$') {
                return;
            }
            named.insert(from.value.to_ascii_lowercase());
        }
    }
    named.extend(cx.options.facts.target.as_ref().map(|target| target.to_ascii_lowercase()));
    for stage in cx.model.stages.iter().filter(|stage| !stage.is_last && !bases.contains(&stage.index)) {
        let name = stage.name.as_deref();
        let is_named = name.is_some_and(|name| named.contains(&name.to_ascii_lowercase()));
        if is_named || named.contains(&stage.index.to_string()) {
            continue;
        }
        if let Some(from) = cx.instruction(stage.from) {
            let what = name.map_or("this stage".to_owned(), |name| format!("the stage `{name}`"));
            cx.report(stage.from, from.head, format!("nothing uses {what}")).done();
        }
    }
}
