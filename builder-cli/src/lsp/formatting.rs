//! Formatting of what is safe: keywords in upper case where most are, no blanks at the ends of lines, one empty line
//! where there are several, one newline at the end.
//!
//! Heredocs stay as they are. What comes out is parsed, and has to say the same as before: otherwise nothing is
//! changed.

use builder_core::diagnostic::Severity;
use builder_core::dockerfile::{Dockerfile, Instruction, InstructionKind, Parsed, parse};
use builder_core::lint::{Edit, apply};
use builder_core::text::{SourceFile, Span};
use lsp_types::TextEdit;

use super::documents::Document;
use super::instructions::instruction as known;

/// Returns the edits that format a document.
pub(super) fn format(document: &Document) -> Vec<TextEdit> {
    let edits = edits(document);
    let after = apply(document.text(), &edits.iter().collect::<Vec<_>>());
    if edits.is_empty() || !says_the_same(document, &after) {
        return Vec::new();
    }
    edits.iter().map(|edit| document.edit(edit.span, edit.text.as_str())).collect()
}

fn edits(document: &Document) -> Vec<Edit> {
    let mut edits = Vec::new();
    keywords(document.dockerfile(), &mut edits);
    lines(document, &mut edits);
    edits.sort_by_key(|edit| edit.span);
    edits
}

/// Keywords in upper case, where most of them are.
fn keywords(dockerfile: &Dockerfile, edits: &mut Vec<Edit>) {
    let is_upper = |word: &str| !word.chars().any(|c| c.is_ascii_lowercase());
    let words = || dockerfile.instructions.iter().filter(|found| known(&found.keyword.value).is_some());
    let upper = words().filter(|found| is_upper(&found.keyword.value)).count();
    if upper * 2 <= words().count() {
        return;
    }
    for found in words() {
        let as_keyword = match &found.kind {
            InstructionKind::From(from) => from.as_keyword.as_ref(),
            _ => None,
        };
        for word in std::iter::once(&found.keyword).chain(as_keyword) {
            // A word that a continuation cuts in two stays.
            if !is_upper(&word.value) && word.span.len() as usize == word.value.len() {
                edits.push(Edit::replace(word.span, word.value.to_ascii_uppercase()));
            }
        }
    }
}

/// Blanks at the ends of lines, empty lines, the end of the file.
fn lines(document: &Document, edits: &mut Vec<Edit>) {
    let text = document.text();
    let dockerfile = document.dockerfile();
    let mut kept = keeps(dockerfile).into_iter().peekable();
    let mut empty_before = false;
    let mut at = 0;
    // What is empty up to the end of the file goes in one edit.
    let content_end = text.trim_end_matches([' ', '\t', '\r', '\n']).len();
    for line in text.split_inclusive('\n') {
        let start = at;
        at += line.len();
        while kept.next_if(|(span, _)| (span.end as usize) < start).is_some() {}
        let here = kept.peek().filter(|(span, _)| (span.start as usize) < at && start <= span.end as usize);
        let is_untouched = here.is_some_and(|(_, keep)| *keep == Keep::All);
        let is_inside = here.is_some();
        if is_untouched {
            empty_before = false;
            continue;
        }
        let content = line.trim_end_matches(['\r', '\n']);
        let trimmed = content.trim_end_matches([' ', '\t']);
        if start >= content_end && !is_inside {
            break;
        }
        let is_empty = trimmed.is_empty();
        if is_empty && empty_before && !is_inside {
            edits.push(Edit::delete(Span::from_range(start..at)));
        } else if trimmed.len() < content.len() && start + trimmed.len() < content_end {
            edits.push(Edit::delete(Span::from_range(start + trimmed.len()..start + content.len())));
        }
        empty_before = is_empty;
    }
    end(document, content_end, edits);
}

fn end(document: &Document, mut content_end: usize, edits: &mut Vec<Edit>) {
    let text = document.text();
    let last = document.dockerfile().instructions.last();
    if last.is_some_and(|found| matches!(found.kind, InstructionKind::OnBuild(_))) {
        let rest = text.get(content_end..).unwrap_or("");
        content_end += rest.len() - rest.trim_start_matches([' ', '\t']).len();
    }
    let is_open = |found: &Instruction| {
        found.heredocs.iter().any(|h| h.terminator.is_empty() || h.terminator.end as usize > content_end)
    };
    let rest = text.get(content_end..).unwrap_or("");
    if content_end == 0 || rest == document.line_end() || last.is_some_and(is_open) {
        return;
    }
    edits.retain(|edit| (edit.span.end as usize) <= content_end);
    edits.push(Edit::replace(Span::from_range(content_end..text.len()), document.line_end()));
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Keep {
    /// No byte is changed.
    All,
    /// No line goes.
    Lines,
}

/// Returns the parts of a file with restrictions, in order.
fn keeps(dockerfile: &Dockerfile) -> Vec<(Span, Keep)> {
    let mut keeps = Vec::new();
    for found in &dockerfile.instructions {
        match &found.kind {
            // The blanks behind a trigger are kept in the image.
            InstructionKind::OnBuild(_) => keeps.push((found.span, Keep::All)),
            _ => keeps.push((found.head, Keep::Lines)),
        }
        if let (Some(first), Some(last)) = (found.heredocs.first(), found.heredocs.last()) {
            keeps.push((first.body.span.cover(last.terminator), Keep::All));
        }
    }
    keeps
}

/// Tells whether a text says the same as a document, letter case of keywords aside.
fn says_the_same(document: &Document, after: &str) -> bool {
    let before = document.parsed();
    let after = parse(&SourceFile::new(document.source().name(), after));
    // Warnings may go: those about empty lines do.
    let errors = |parsed: &Parsed| {
        let errors = parsed.diagnostics.iter().filter(|found| found.severity == Severity::Error);
        errors.map(|found| found.id).collect::<Vec<_>>()
    };
    errors(before) == errors(&after) && meaning(&before.dockerfile) == meaning(&after.dockerfile)
}

/// Returns all that a file says, without places: the parser makes the same tree of the same joined lines.
fn meaning(dockerfile: &Dockerfile) -> Vec<String> {
    let mut said = vec![format!("{:?}", dockerfile.escape)];
    said.extend(dockerfile.directives.iter().map(|d| format!("{}={}", d.name.value, d.value.value)));
    said.extend(dockerfile.comments.iter().map(|comment| comment.text.clone()));
    dockerfile.instructions.iter().for_each(|found| instruction(found, &mut said));
    said
}

fn instruction(found: &Instruction, said: &mut Vec<String>) {
    let line = found.line.as_str();
    said.push(found.keyword.value.to_ascii_uppercase());
    match &found.kind {
        InstructionKind::From(from) => {
            let flags =
                found.flags.iter().map(|flag| (&flag.name.value, flag.value.as_ref().map(|value| &value.value)));
            said.push(format!("{:?}", flags.collect::<Vec<_>>()));
            said.push(from.image.as_str().to_owned());
            said.push(format!("{:?}", from.name.as_ref().map(|name| &name.value)));
        }
        InstructionKind::OnBuild(on_build) => said.push(on_build.text.clone()),
        _ => said.push(line.get(found.keyword.value.len()..).unwrap_or(line).to_owned()),
    }
    said.extend(found.comments.iter().map(|comment| comment.text.clone()));
    for heredoc in &found.heredocs {
        said.push(format!("{} {} {} {:?}", heredoc.name, heredoc.expand, heredoc.strip_tabs, heredoc.descriptor));
        said.push(heredoc.body.value.clone());
    }
}

/// Checks that formatting a document is not refused, and that formatting it twice changes nothing more.
#[cfg(test)]
pub(super) fn check(document: &Document) {
    let found = edits(document);
    let text = document.text();
    assert_eq!(format(document).is_empty(), found.is_empty(), "{text:?} does not say the same afterwards");
    let once = apply(text, &found.iter().collect::<Vec<_>>());
    let again = edits(&super::testing::document(&once));
    assert!(again.is_empty(), "{text:?} is not stable: {again:?}");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lsp::testing::document;

    fn formatted(text: &str) -> String {
        check(&document(text));
        let found = edits(&document(text));
        apply(text, &found.iter().collect::<Vec<_>>())
    }

    #[test]
    fn what_is_safe_is_formatted() {
        for (before, after) in [
            ("FROM a as b\nrun x\nCMD y", "FROM a AS b\nRUN x\nCMD y\n"),
            ("from a\nrun x\nCMD y\n", "from a\nrun x\nCMD y\n"),
            ("FROM a  \nRUN x \\  \n  y\t\n", "FROM a\nRUN x \\\n  y\n"),
            ("FROM a\n\n \n\nRUN x\n\n\n", "FROM a\n\nRUN x\n"),
            ("FROM a\r\n\r\n\r\nRUN x  \r\n \r\n", "FROM a\r\n\r\nRUN x\r\n"),
            ("FROM a\nRUN x \\\n\n\n  y\n", "FROM a\nRUN x \\\n\n\n  y\n"),
            ("FROM a\nRUN <<E  \n a  \n\n\n b\nE\n\n\nCMD x\n", "FROM a\nRUN <<E\n a  \n\n\n b\nE\n\nCMD x\n"),
            ("FROM a\nRUN <<E\nx  \n\n\n", "FROM a\nRUN <<E\nx  \n\n\n"),
            ("FROM a\nRUN <<E\nx\nE", "FROM a\nRUN <<E\nx\nE\n"),
            ("FROM a\nONBUILD run x  \n\n\nCMD y\n", "FROM a\nONBUILD run x  \n\nCMD y\n"),
            ("\n\n# syntax=x\nFROM a", "\n# syntax=x\nFROM a\n"),
            ("# c  \n\n\n\n# d\nFROM a\n", "# c\n\n# d\nFROM a\n"),
            ("FROM a\nRUN x \\", "FROM a\nRUN x \\\n"),
            ("FROM a\nRUN x \\\n\n", "FROM a\nRUN x \\\n"),
            ("FROM a\nENV A=\"x  \\\n  y\"  \n", "FROM a\nENV A=\"x  \\\n  y\"\n"),
            ("FROM a\nONBUILD run x  \n\n", "FROM a\nONBUILD run x  \n"),
            ("FROM a\nFROBNICATE x  \n", "FROM a\nFROBNICATE x\n"),
            ("", ""),
            ("\n\n", "\n\n"),
            ("   ", "   "),
        ] {
            assert_eq!(formatted(before), after, "{before:?}");
        }
    }
}
