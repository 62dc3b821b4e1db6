//! `SC2206`.

use crate::lint::prelude::*;
use crate::lint::sh::report;
use crate::shell::{Index, ParameterOperator, PartKind, WordRole};

rule! {
    /// ## What it does
    /// Finds a variable without quotes between the parentheses of an array.
    ///
    /// ## Why it matters
    /// The shell splits its value at blanks, and looks for files.
    ///
    /// ## Example
    /// ```dockerfile
    /// SHELL ["/bin/bash", "-c"]
    /// RUN names=($NAMES); make "${names[@]}"
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// SHELL ["/bin/bash", "-c"]
    /// RUN read -ra names <<< "$NAMES"; make "${names[@]}"
    /// ```
    RULE {
        id: "unquoted-array-element",
        codes: &["SC2206"],
        summary: "a variable that is split into the elements of an array",
        level: Level::Warning,
        group: Group::Shell,
        activation: Activation::Default,
        fixable: Fixable::Never,
        status: FIRST,
        check: Check::Tree(check),
    }
}

fn check(cx: &Context<'_>, script: &ScriptView<'_>, index: &Index<'_>) {
    for (parameter, site) in index.parameters() {
        let is_element =
            site.place.role == WordRole::ArrayElement && site.place.splits() && site.place.operand.is_none();
        let is_quiet = parameter.length
            || matches!(parameter.operator, Some(ParameterOperator::Alternative { .. }))
            || ["#", "?", "$", "!", "-"].contains(&parameter.name.as_str());
        // `[key]=$value` is not split.
        let has_key = site.word.is_some_and(|word| {
            matches!(word.parts.first().map(|part| &part.kind), Some(PartKind::Glob(text) | PartKind::Literal(text)) if text.starts_with('['))
        });
        if is_element && !is_quiet && !has_key {
            let text = script.slice(site.part.span);
            report(cx, script, site.part.span, format!("the value of `{text}` is split into elements")).done();
        }
    }
}
