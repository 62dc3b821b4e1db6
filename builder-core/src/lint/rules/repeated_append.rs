//! `SC2129`.

use crate::lint::prelude::*;
use crate::lint::sh::report;
use crate::shell::{Index, ListItem, Redirect, RedirectOperator};

rule! {
    /// ## What it does
    /// Finds three or more commands in a row that append to the same file.
    ///
    /// ## Why it matters
    /// `{ …; } >> file` opens the file once and says it once.
    ///
    /// ## Example
    /// ```dockerfile
    /// RUN echo a >> /list; echo b >> /list; echo c >> /list
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// RUN { echo a; echo b; echo c; } >> /list
    /// ```
    RULE {
        id: "repeated-append",
        codes: &["SC2129"],
        summary: "several commands append to one file",
        level: Level::Style,
        group: Group::Shell,
        activation: Activation::Default,
        fixable: Fixable::Never,
        status: FIRST,
        check: Check::Tree(check),
    }
}

fn check(cx: &Context<'_>, script: &ScriptView<'_>, index: &Index<'_>) {
    for list in crate::lint::sh::item_lists(index) {
        let targets: Vec<_> =
            list.iter().map(|(site, item)| (target(item, script.text.as_str()), site, item)).collect();
        let mut at = 0;
        while at < targets.len() {
            let Some(first) = targets[at].0.clone() else {
                at += 1;
                continue;
            };
            let length = targets[at..].iter().take_while(|(known, ..)| known.as_ref() == Some(&first)).count();
            if length >= 3 {
                report(cx, script, targets[at].2.span, format!("{length} commands in a row append to `{first}`"))
                    .done();
            }
            at += length;
        }
    }
}

fn target(item: &ListItem, source: &str) -> Option<String> {
    let [command] = item.first.commands.as_slice() else { return None };
    let appends = |redirect: &&Redirect| redirect.operator == RedirectOperator::Append && redirect.descriptor.is_none();
    let redirect = command.redirects.iter().find(appends).filter(|_| item.rest.is_empty())?;
    Some(redirect.target.unquoted(source).into_owned())
}
