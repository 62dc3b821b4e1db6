//! Edits of scripts that several rules propose.

use super::context::Context;
use super::fix::Edit;
use super::model::ScriptView;
use crate::shell::{ListItem, Terminator};
use crate::text::Span;

/// Puts a word behind another one of a command; in a JSON array it becomes an element.
pub(super) fn add_word(cx: &Context<'_>, script: &ScriptView<'_>, behind: Span, word: &str) -> Option<Edit> {
    if !script.is_exec {
        return Some(Edit::insert(behind.end, format!(" {word}")));
    }
    let is_quote = |at: Option<u32>| at.is_some_and(|at| cx.text(Span::new(at, at + 1)) == "\"");
    let is_element = is_quote(behind.start.checked_sub(1)) && is_quote(Some(behind.end));
    is_element.then(|| Edit::insert(behind.end, format!("\", \"{word}")))
}

/// Appends a command to a script: with `&&` in the form that the lines have, in a heredoc as a line.
pub(super) fn append(cx: &Context<'_>, script: &ScriptView<'_>, command: &str) -> Option<Edit> {
    let tree = script.tree()?;
    let last = tree.body.items.last()?;
    if script.is_exec || !script.shell.is_bourne() || !tree.here_documents.is_empty() || runs_apart(last) {
        return None;
    }
    let end = script.place(last.span).end;
    if script.is_heredoc {
        let indent = indent_at(cx, script.place(last.span).start);
        return Some(Edit::insert(end, format!("\n{indent}{command}")));
    }
    if !script.view.instruction.heredocs.is_empty() {
        return None;
    }
    // A second line shows how the author breaks them.
    let start = script.view.outer.span.start as usize;
    let before = cx.source.text().get(start..end as usize)?;
    let text = match before.rsplit_once('\n') {
        Some((_, line)) => {
            let indent = &line[..line.len() - line.trim_start().len()];
            let indent = if indent.is_empty() { "    " } else { indent };
            format!(" {}\n{indent}&& {command}", cx.dockerfile.escape.as_char())
        }
        None => format!(" && {command}"),
    };
    Some(Edit::insert(end, text))
}

/// Returns the tabs before a place, which the body of `<<-` has on every line.
pub(super) fn indent_at<'a>(cx: &Context<'a>, place: u32) -> &'a str {
    let before = cx.text(Span::new(0, place));
    &before[before.trim_end_matches('\t').len()..]
}

/// Tells whether something stands behind an item that keeps others from being joined to it.
fn runs_apart(item: &ListItem) -> bool {
    matches!(item.terminator, Some((Terminator::Semicolon | Terminator::Background, _)))
}
