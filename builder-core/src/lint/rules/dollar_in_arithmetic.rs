//! `SC2004`.

use crate::lint::prelude::*;
use crate::lint::sh::report;
use crate::shell::Index;

rule! {
    /// ## What it does
    /// Finds `$((… $name …))`.
    ///
    /// ## Why it matters
    /// Names need no `$` there.
    ///
    /// ## Example
    /// ```dockerfile
    /// RUN n=1; echo "$(($n + 1))" > /n
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// RUN n=1; echo "$((n + 1))" > /n
    /// ```
    RULE {
        id: "dollar-in-arithmetic",
        codes: &["SC2004"],
        summary: "`$` before a name in arithmetic",
        level: Level::Style,
        group: Group::Shell,
        activation: Activation::Default,
        fixable: Fixable::Never,
        status: FIRST,
        check: Check::Tree(check),
    }
}

fn check(cx: &Context<'_>, script: &ScriptView<'_>, index: &Index<'_>) {
    for (parameter, site) in
        index.parameters().filter(|(_, site)| site.place.arithmetic && site.place.operand.is_none())
    {
        let is_name = parameter.name.starts_with(|c: char| c == '_' || c.is_ascii_alphabetic());
        let is_plain =
            parameter.operator.is_none() && parameter.index.is_none() && !parameter.length && !parameter.indirect;
        let before =
            script.text.as_str().get(..site.part.span.start as usize).and_then(|text| text.chars().next_back());
        let after = script.text.as_str().get(site.part.span.end as usize..).and_then(|text| text.chars().next());
        let joined = |c: Option<char>| c.is_some_and(|c| c == '_' || c == '#' || c.is_ascii_alphanumeric());
        if is_name && is_plain && !joined(before) && !joined(after) && after != Some('$') {
            report(cx, script, site.part.span, "names need no `$` in arithmetic").done();
        }
    }
}
