//! `FromAsCasing`.

use crate::lint::prelude::*;

rule! {
    /// ## What it does
    /// Finds a `FROM` whose `AS` is written in another letter case.
    ///
    /// ## Why it matters
    /// It is harder to read, and looks like an oversight.
    ///
    /// ## Example
    /// ```dockerfile
    /// FROM debian:12 as build
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// FROM debian:12 AS build
    /// ```
    ///
    /// ## Fix safety
    /// Safe: keywords have no case.
    RULE {
        id: "mixed-from-as-case",
        codes: &["FromAsCasing"],
        summary: "`FROM` and `AS` in different letter case",
        level: Level::Warning,
        group: Group::Maintenance,
        activation: Activation::Default,
        fixable: Fixable::Always,
        status: FIRST,
        check: Check::Instruction(check),
    }
}

fn check(cx: &Context<'_>, view: &InstructionView<'_>) {
    let InstructionKind::From(from) = view.kind() else { return };
    let Some(written) = &from.as_keyword else { return };
    let keyword = &view.instruction.keyword.value;
    let matching = if *keyword == keyword.to_lowercase() {
        "as"
    } else if *keyword == keyword.to_uppercase() {
        "AS"
    } else {
        // The keyword itself is at fault then.
        return;
    };
    if written.value != matching {
        let title = format!("write `{matching}`");
        cx.report(view.index, written.span, format!("`{}` and `{keyword}` differ in letter case", written.value))
            .in_buildkits_words(|| format!("'{}' and '{keyword}' keywords' casing do not match", written.value))
            .fix(Fix::safe(title, vec![Edit::replace(written.span, matching)]))
            .done();
    }
}
