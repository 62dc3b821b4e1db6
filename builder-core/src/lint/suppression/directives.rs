//! `# shellcheck disable=SC1234`, ShellCheck's own comment.
//!
//! ShellCheck takes it above a command of a list and nowhere else: behind `&&`, above `else` or at the end of a line it
//! is an error there, and silences nothing here. hadolint hands ShellCheck the script behind lines of its own, so that a
//! comment at the top is one for the first command, not for the whole script.

use super::{Scope, Suppression};
use crate::dockerfile::Dockerfile;
use crate::lint::model::{Model, ScriptView};
use crate::lint::options::Dialect;
use crate::lint::rule::Rule;
use crate::shell::Index;
use crate::text::{SourceFile, Span, Spanned};

/// Tells whether a code of a directive means a rule: `SC2086`, `2086`, `SC2000-SC2999` and `all` may stand there.
pub(super) fn names(code: &str, rule: &Rule) -> bool {
    let number = |code: &str| code.strip_prefix("SC").unwrap_or(code).parse::<u32>().ok();
    let (first, last) = code.split_once('-').unwrap_or((code, code));
    let mut known = rule.codes.iter().filter(|code| code.starts_with("SC")).filter_map(|code| number(code));
    match (number(first), number(last)) {
        (Some(first), Some(last)) => known.any(|code| (first..=last).contains(&code)),
        _ => code == "all" && known.next().is_some(),
    }
}

/// Finds the directives of a file.
pub(super) fn collect(
    source: &SourceFile,
    dockerfile: &Dockerfile,
    model: &Model<'_>,
    dialect: Dialect,
) -> Vec<Suppression> {
    let mut found = Vec::new();
    for script in model.scripts.iter().filter(|script| script.is_run() && script.is_heredoc) {
        let Some(tree) = script.tree() else { continue };
        let text = |comment: &&Span| script.slice(**comment);
        let directives: Vec<Span> =
            tree.comments.iter().filter(|comment| codes(text(comment)).next().is_some()).copied().collect();
        if directives.is_empty() {
            continue;
        }
        let items: Vec<Span> = Index::new(tree).items().map(|(item, _)| item.span).collect();
        for comment in directives {
            if let Some(below) = below(script.text.as_str(), comment, &items) {
                add(&mut found, source, script.place(comment), script.place(below));
            }
        }
    }
    if dialect != Dialect::Hadolint {
        between_lines(source, dockerfile, model, &mut found);
    }
    found
}

/// Comments between the lines of a continued `RUN` are not part of its script.
fn between_lines(source: &SourceFile, dockerfile: &Dockerfile, model: &Model<'_>, found: &mut Vec<Suppression>) {
    for comment in &dockerfile.comments {
        if codes(source.slice(comment.span)).next().is_none() {
            continue;
        }
        let before = dockerfile.instructions.partition_point(|known| known.head.start < comment.span.start);
        let Some(index) = before.checked_sub(1) else { continue };
        if comment.span.start >= dockerfile.instructions[index].head.end {
            continue;
        }
        let first = model.scripts.partition_point(|script| script.view.index < index);
        let Some(script) = model.scripts.get(first).filter(|script| script.view.index == index && script.is_run())
        else {
            continue;
        };
        let line =
            source.text().get(comment.span.end as usize..).unwrap_or_default().lines().nth(1).unwrap_or_default();
        let line_start = comment.span.end + 1;
        let line_end = line_start + u32::try_from(line.len()).unwrap_or_default();
        let below = pipelines(script).into_iter().find(|span| span.start >= comment.span.end);
        let is_blank = |span: &Span| is_blank(source.slice(Span::new(comment.span.end, span.start)));
        let below = below.filter(is_blank).unwrap_or(Span::new(line_start, line_end));
        add(found, source, comment.span, below);
    }
}

/// Returns the places of all pipelines in the file.
fn pipelines(script: &ScriptView<'_>) -> Vec<Span> {
    let Some(tree) = script.tree() else { return Vec::new() };
    Index::new(tree).pipelines().map(|(pipeline, _)| script.place(pipeline.span)).collect()
}

/// Returns the item that begins below a comment, with nothing but other comments between.
fn below(text: &str, comment: Span, items: &[Span]) -> Option<Span> {
    let item = items.get(items.partition_point(|item| item.start < comment.end))?;
    let line = text[..comment.start as usize].rsplit('\n').next().unwrap_or_default();
    let between = text.get(comment.end as usize..item.start as usize).unwrap_or_default();
    (line.trim().is_empty() && is_blank(between)).then_some(*item)
}

fn is_blank(text: &str) -> bool {
    text.lines().map(str::trim).all(|line| line.is_empty() || line.starts_with('#'))
}

fn add(found: &mut Vec<Suppression>, source: &SourceFile, comment: Span, below: Span) {
    let text = source.slice(comment);
    for code in codes(text) {
        let at = comment.start as usize + (code.as_ptr() as usize - text.as_ptr() as usize);
        found.push(Suppression {
            code: Spanned::new(code.to_owned(), Span::from_range(at..at + code.len())),
            comment,
            is_inline: false,
            scope: Scope::Script(below),
            // It may be about something that only ShellCheck itself finds.
            used: true,
        });
    }
}

/// Reads the codes of a directive; none where a comment is something else, or malformed.
fn codes(comment: &str) -> impl Iterator<Item = &str> {
    let rest = comment.strip_prefix('#').map(str::trim_start).and_then(|rest| rest.strip_prefix("shellcheck"));
    let rest = rest.filter(|rest| rest.starts_with([' ', '\t'])).unwrap_or_default();
    let rest = rest.split('#').next().unwrap_or_default();
    let is_whole = rest.split_whitespace().all(|word| word.contains('=') && !word.starts_with('='));
    let words = rest.split_whitespace().filter(move |_| is_whole);
    let values = words.filter_map(|word| word.strip_prefix("disable="));
    values.flat_map(|value| value.trim_matches('"').split(',')).filter(|code| !code.is_empty())
}
