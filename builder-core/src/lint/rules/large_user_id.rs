//! `DL3046`.

use crate::lint::edits::add_word;
use crate::lint::prelude::*;

rule! {
    /// ## What it does
    /// Finds `useradd` with an id of more than five digits and without `--no-log-init`.
    ///
    /// ## Why it matters
    /// `/var/log/lastlog` and `/var/log/faillog` have a place for every id up to the new one. The files are sparse, but the layers
    /// of an image are not: gigabytes of zeros are written.
    ///
    /// ## Example
    /// ```dockerfile
    /// RUN useradd -u 1000000 app
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// RUN useradd --no-log-init -u 1000000 app
    /// ```
    ///
    /// ## Fix safety
    /// Unsafe: the logs of logins have no entry for the user.
    RULE {
        id: "large-user-id",
        codes: &["DL3046"],
        summary: "useradd with a large id writes a large log",
        level: Level::Warning,
        group: Group::Size,
        activation: Activation::Default,
        fixable: Fixable::Sometimes,
        status: FIRST,
        check: Check::Command(check),
    }
}

fn check(cx: &Context<'_>, command: &CommandView<'_>) {
    if command.name() != "useradd" || command.has_any_flag(&["l", "no-log-init"]) {
        return;
    }
    let is_large =
        |id: &&Argument| if cx.is_hadolint() { id.text.chars().count() > 5 } else { number(&id.text) > 99_999 };
    let Some(id) = ids(cx, command).into_iter().find(is_large) else { return };
    let edit = add_word(cx, command.script, command.name_span(), "--no-log-init");
    cx.report(command.instruction(), id.span, "`useradd` writes a log as long as the id is large")
        .help("add `--no-log-init`")
        .maybe_fix(edit.map(|edit| Fix::risky("add `--no-log-init`", vec![edit])))
        .done();
}

/// The words with ids; hadolint sees only those behind `-u`.
fn ids<'a>(cx: &Context<'_>, command: &CommandView<'a>) -> Vec<&'a Argument> {
    let words = command.arguments();
    let is_short = |text: &str| text.starts_with('-') && !text.starts_with("--");
    let is_hadolint = cx.is_hadolint();
    let is_before = |text: &str| {
        if is_hadolint {
            is_short(text) && text.contains('u')
        } else {
            text == "--uid" || is_short(text) && text.ends_with('u')
        }
    };
    let behind = words.windows(2).filter(|pair| is_before(&pair[0].text)).map(|pair| &pair[1]);
    let holds = |text: &str| text.starts_with("--uid=") || text.starts_with("-u");
    behind.chain(words.iter().filter(|word| !is_hadolint && holds(&word.text))).collect()
}

fn number(text: &str) -> u64 {
    text.trim_start_matches("--uid=").trim_start_matches("-u").parse().unwrap_or(0)
}
