//! `SC1012`.

use crate::lint::prelude::*;
use crate::lint::sh::report;
use crate::shell::{Index, PartKind, WordRole};

rule! {
    /// ## What it does
    /// Finds `\n`, `\t` and `\r` outside of quotes.
    ///
    /// ## Why it matters
    /// They are an `n`, a `t` and an `r` there.
    ///
    /// ## Example
    /// ```dockerfile
    /// RUN printf a\nb > /list
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// RUN printf 'a\nb' > /list
    /// ```
    RULE {
        id: "escape-outside-quotes",
        codes: &["SC1012"],
        summary: "`\\n` outside of quotes is an `n`",
        level: Level::Warning,
        group: Group::Shell,
        activation: Activation::Default,
        fixable: Fixable::Never,
        status: FIRST,
        check: Check::Tree(check),
    }
}

fn check(cx: &Context<'_>, script: &ScriptView<'_>, index: &Index<'_>) {
    for site in &index.parts {
        let PartKind::Escaped(c @ ('n' | 't' | 'r')) = site.part.kind else { continue };
        let is_quiet = site.place.double_quoted
            || site.place.arithmetic
            || matches!(site.place.role, WordRole::Test | WordRole::HereDocument | WordRole::HereDelimiter);
        if !is_quiet && site.place.operand.is_none() {
            report(cx, script, site.part.span, format!("`\\{c}` is `{c}` here")).done();
        }
    }
}
