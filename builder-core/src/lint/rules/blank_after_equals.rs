//! `SC1007`.

use crate::lint::prelude::*;
use crate::lint::sh::report;
use crate::shell::{Index, WordRole};

rule! {
    /// ## What it does
    /// Finds `NAME= value`.
    ///
    /// ## Why it matters
    /// The variable is empty, and the value is taken for a command.
    ///
    /// ## Example
    /// ```dockerfile
    /// RUN DEBIAN_FRONTEND= noninteractive apt-get install -y curl
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// RUN DEBIAN_FRONTEND=noninteractive apt-get install -y curl
    /// ```
    RULE {
        id: "blank-after-equals",
        codes: &["SC1007"],
        summary: "a blank after the `=` of an assignment",
        level: Level::Warning,
        group: Group::Shell,
        activation: Activation::Default,
        fixable: Fixable::Never,
        status: FIRST,
        check: Check::Tree(check),
    }
}

fn check(cx: &Context<'_>, script: &ScriptView<'_>, index: &Index<'_>) {
    let source = script.text.as_str();
    let assigned =
        index.simple().flat_map(|(simple, _)| &simple.assignments).map(|known| (known.name.value.clone(), known.span));
    let declared = index.words.iter().filter(|site| matches!(site.role, WordRole::Declaration(_)));
    let declared = declared.filter_map(|site| Some((site.word.as_assignment()?.name.value, site.word.span)));
    for (name, span) in assigned.chain(declared) {
        let Some(rest) = source.get(span.end as usize..).filter(|_| script.slice(span).ends_with('=')) else {
            continue;
        };
        let follows = rest.trim_start_matches([' ', '\t']);
        let ends = follows.is_empty() || follows.starts_with(['\r', '\n', ';', '&', '|', ')']);
        if rest.starts_with([' ', '\t']) && !ends && name != "IFS" {
            let message = format!("`{name}` is empty here: a blank stands after the `=`");
            report(cx, script, Span::new(span.end, span.end + 1), message).done();
        }
    }
}
