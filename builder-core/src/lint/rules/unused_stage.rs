//! A stage that nothing uses.

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
        check: Check::Stage(check),
    }
}

fn check(cx: &Context<'_>, stage: &StageView) {
    let name = stage.name.as_deref();
    let is_name = |text: &str| {
        name.is_some_and(|name| name.eq_ignore_ascii_case(text)) || text.parse::<usize>() == Ok(stage.index)
    };
    let target = cx.options.facts.target.as_deref();
    if stage.is_last || target.is_some_and(is_name) {
        return;
    }
    let is_base = cx.model.stages.iter().any(|other| other.parent == Some(stage.index) || other.image.contains('$'));
    let is_read = cx.model.instructions.iter().any(|view| {
        from_operands(view.instruction).iter().any(|(_, from)| is_name(&from.value) || from.value.contains('$'))
    });
    if let Some(from) = cx.instruction(stage.from).filter(|_| !is_base && !is_read) {
        let what = name.map_or("this stage".to_owned(), |name| format!("the stage `{name}`"));
        cx.report(stage.from, from.head, format!("nothing uses {what}")).done();
    }
}
