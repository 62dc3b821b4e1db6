//! `SC2068`.

use crate::lint::prelude::*;
use crate::lint::sh::{is, report};
use crate::shell::{Index, ParameterOperator, WordRole};

rule! {
    /// ## What it does
    /// Finds `$@` and `${array[@]}` outside of quotes.
    ///
    /// ## Why it matters
    /// Arguments with blanks are taken apart.
    ///
    /// ## Example
    /// ```dockerfile
    /// RUN set -- "a b"; printf "%s\n" $@
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// RUN set -- "a b"; printf "%s\n" "$@"
    /// ```
    RULE {
        id: "unquoted-list",
        codes: &["SC2068"],
        summary: "`$@` outside of quotes",
        level: Level::Error,
        group: Group::Shell,
        activation: Activation::Default,
        fixable: Fixable::Never,
        status: FIRST,
        check: Check::Tree(check),
    }
}

fn check(cx: &Context<'_>, script: &ScriptView<'_>, index: &Index<'_>) {
    for (parameter, site) in index.parameters() {
        let is_list = parameter.name == "@"
            || parameter.index.as_ref().is_some_and(|word| is(word, "@") || word.text(script.text.as_str()) == "@");
        let place = site.place;
        let splits = !place.double_quoted
            && !place.arithmetic
            && !place.index
            && place.operand.is_none()
            && !matches!(
                place.role,
                WordRole::AssignmentValue
                    | WordRole::CaseSubject
                    | WordRole::HereDocument
                    | WordRole::HereString
                    | WordRole::Test
            );
        if is_list
            && splits
            && !parameter.length
            && !matches!(parameter.operator, Some(ParameterOperator::Alternative { .. }))
        {
            report(cx, script, site.part.span, "arguments with blanks are taken apart")
                .help("put it in double quotes")
                .done();
        }
    }
}
