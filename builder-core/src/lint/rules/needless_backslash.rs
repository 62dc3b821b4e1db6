//! `SC1001`.

use crate::lint::prelude::*;
use crate::lint::sh::report;
use crate::shell::{Index, PartKind, PartSite, WordRole};

rule! {
    /// ## What it does
    /// Finds a backslash before a letter or the like outside of quotes.
    ///
    /// ## Why it matters
    /// It does nothing there; an escape sequence may have been meant.
    ///
    /// ## Example
    /// ```dockerfile
    /// RUN grep a\d /etc/app.conf
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// RUN grep 'a\d' /etc/app.conf
    /// ```
    RULE {
        id: "needless-backslash",
        codes: &["SC1001"],
        summary: "a backslash before an ordinary character",
        level: Level::Info,
        group: Group::Shell,
        activation: Activation::Default,
        fixable: Fixable::Never,
        status: FIRST,
        check: Check::Tree(check),
    }
}

fn check(cx: &Context<'_>, script: &ScriptView<'_>, index: &Index<'_>) {
    for site in &index.parts {
        let PartKind::Escaped(c) = site.part.kind else { continue };
        let is_plain = (c.is_ascii_alphanumeric() || "-/%:_^=".contains(c) || !c.is_ascii()) && !"ntr".contains(c);
        let is_quiet = site.place.double_quoted
            || site.place.arithmetic
            || matches!(site.place.role, WordRole::Test | WordRole::HereDocument | WordRole::HereDelimiter);
        if is_plain && !is_quiet && site.place.operand.is_none() && !is_whole_command(site) {
            report(cx, script, site.part.span, format!("the backslash before `{c}` does nothing")).done();
        }
    }
}

/// `\name` keeps an alias from being looked at.
fn is_whole_command(site: &PartSite<'_>) -> bool {
    site.place.role == WordRole::CommandName && site.word.is_some_and(|word| word.span.start == site.part.span.start)
}
