//! What can be done about findings: mend one, mend all, say that it is meant.

use builder_core::lint::{Applicability, Edit, Finding, Fix, fix};
use builder_core::text::Span;
use lsp_types::{
    CodeAction, CodeActionKind, CodeActionOrCommand, CodeActionParams, CodeActionTriggerKind, DocumentChangeOperation,
    DocumentChanges, OneOf, OptionalVersionedTextDocumentIdentifier, TextDocumentEdit, TextEdit, WorkspaceEdit,
};

use super::capabilities::{Client, FIX_ALL};
use super::diagnostics::diagnostic;
use super::documents::Document;

/// Rules about the comments that silence rules, and about what cannot be read: no comment silences them.
const NOT_SILENCED: [&str; 3] = ["syntax-error", "ignore-pragma", "unused-suppression"];

/// Returns what can be done about the findings in a range.
pub(super) fn actions(document: &Document, params: &CodeActionParams, client: Client) -> Vec<CodeActionOrCommand> {
    let wants = |kind: &CodeActionKind| match &params.context.only {
        None => true,
        Some(only) => only.iter().any(|wanted| contains(wanted, kind)),
    };
    let range = document.span(params.range);
    let mut actions = Vec::new();
    if wants(&CodeActionKind::QUICKFIX) {
        let here: Vec<_> = document.findings().iter().filter(|finding| touch(finding.span(), range)).collect();
        for finding in &here {
            actions.extend(finding.fix.as_ref().map(|fix| quick_fix(document, finding, fix, client)));
        }
        let mut seen = Vec::new();
        for finding in &here {
            if let Some(action) = ignore(document, finding, client)
                && !seen.contains(&(finding.code(), finding.instruction))
            {
                seen.push((finding.code(), finding.instruction));
                actions.push(action);
            }
        }
    }
    // Editors ask whenever the cursor moves; the whole file is mended only for somebody who wants that.
    let is_automatic = params.context.trigger_kind == Some(CodeActionTriggerKind::AUTOMATIC);
    if wants(&FIX_ALL) && (params.context.only.is_some() || !is_automatic) {
        actions.extend(fix_all(document, client));
    }
    actions.into_iter().map(CodeActionOrCommand::CodeAction).collect()
}

/// Tells whether a kind is another one or below it.
fn contains(outer: &CodeActionKind, inner: &CodeActionKind) -> bool {
    let rest = inner.as_str().strip_prefix(outer.as_str());
    outer.as_str().is_empty() || rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

fn touch(one: Span, other: Span) -> bool {
    one.start <= other.end && other.start <= one.end
}

fn quick_fix(document: &Document, finding: &Finding, fix: &Fix, client: Client) -> CodeAction {
    let title = match fix.applicability {
        Applicability::Safe => capitalized(&fix.title),
        Applicability::Unsafe => format!("{} (the image may change)", capitalized(&fix.title)),
        Applicability::Display => format!("{} (fill in what is missing)", capitalized(&fix.title)),
    };
    let edits = fix.edits.iter().map(|edit| to_client(document, edit)).collect();
    CodeAction {
        is_preferred: (fix.applicability == Applicability::Safe && client.preferred_actions).then_some(true),
        ..action(document, title, CodeActionKind::QUICKFIX, edits, Some(finding), client)
    }
}

fn fix_all(document: &Document, client: Client) -> Option<CodeAction> {
    let is_safe = |fix: &Fix| fix.applicability == Applicability::Safe;
    if !document.findings().iter().any(|finding| finding.fix.as_ref().is_some_and(is_safe)) {
        return None;
    }
    let fixed = fix(document.source(), &document.options_now(), Applicability::Safe);
    let edit = difference(document, &fixed.text)?;
    Some(action(document, "Apply all safe fixes".to_owned(), FIX_ALL, vec![edit], None, client))
}

/// Returns the edit that makes another text of the document's.
fn difference(document: &Document, after: &str) -> Option<TextEdit> {
    let before = document.text();
    if before == after {
        return None;
    }
    let same = |(a, b): &(char, char)| a == b;
    let prefix: usize = before.chars().zip(after.chars()).take_while(same).map(|(c, _)| c.len_utf8()).sum();
    let (old, new) = (before.get(prefix..)?, after.get(prefix..)?);
    let backwards = old.chars().rev().zip(new.chars().rev());
    let suffix: usize = backwards.take_while(same).map(|(c, _)| c.len_utf8()).sum();
    let span = Span::from_range(prefix..before.len() - suffix);
    Some(document.edit(span, new.get(..new.len() - suffix)?))
}

/// Makes the action that writes a comment above the instruction.
fn ignore(document: &Document, finding: &Finding, client: Client) -> Option<CodeAction> {
    let code = finding.code();
    if NOT_SILENCED.contains(&finding.rule.id) || !document.options.pragmas {
        return None;
    }
    let (title, edit) = match finding.instruction {
        Some(index) => (format!("Ignore {code} here"), ignore_here(document, index, code)?),
        None => (format!("Ignore {code} in this file"), ignore_in_file(document, code)),
    };
    let edits = vec![to_client(document, &edit)];
    Some(action(document, title, CodeActionKind::QUICKFIX, edits, Some(finding), client))
}

fn ignore_here(document: &Document, index: usize, code: &str) -> Option<Edit> {
    let text = document.text();
    let instruction = document.dockerfile().instructions.get(index)?;
    let start = instruction.span.start as usize;
    let line_start = text.get(..start)?.rfind('\n').map_or(0, |at| at + 1);
    if let Some(comment) = instruction.comments.last() {
        let line_before = text.get(comment.span.end as usize..line_start)?.matches('\n').count();
        let end = pragma_end(text.get(comment.span.range())?);
        if let Some(end) = end.filter(|_| line_before == 1) {
            return Some(Edit::insert(comment.span.start + u32::try_from(end).ok()?, format!(",{code}")));
        }
    }
    let indent = text.get(line_start..start)?.trim_start_matches('\u{feff}');
    let at = u32::try_from(start - indent.len()).ok()?;
    Some(Edit::insert(at, format!("{indent}# hadolint ignore={code}{}", document.line_end())))
}

/// Returns the offset behind the last code of `# hadolint ignore=A,B # reason`.
fn pragma_end(comment: &str) -> Option<usize> {
    let rest = comment.strip_prefix('#')?.trim_start();
    let rest = rest.strip_prefix("hadolint").or_else(|| rest.strip_prefix("builder"))?.trim_start();
    let rest = rest.strip_prefix("ignore")?.trim_start().strip_prefix('=')?;
    let list =
        rest.split_once('#').map_or(rest, |(list, _)| list).trim_end_matches(|c: char| c == ',' || c.is_whitespace());
    (!list.trim().is_empty()).then(|| comment.len() - rest.len() + list.len())
}

fn ignore_in_file(document: &Document, code: &str) -> Edit {
    let text = document.text();
    let line_end = document.line_end();
    let comment = format!("# hadolint global ignore={code}{line_end}");
    let Some(last) = document.dockerfile().directives.last() else {
        let start = if text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
        return Edit::insert(u32::try_from(start).unwrap_or(0), comment);
    };
    // Directives have to stay above all else.
    match text.get(last.span.end as usize..).and_then(|rest| rest.find('\n')) {
        Some(end) => Edit::insert(last.span.end + u32::try_from(end + 1).unwrap_or(0), comment),
        None => Edit::insert(u32::try_from(text.len()).unwrap_or(u32::MAX), format!("{line_end}{comment}")),
    }
}

fn action(
    document: &Document,
    title: String,
    kind: CodeActionKind,
    edits: Vec<TextEdit>,
    finding: Option<&Finding>,
    client: Client,
) -> CodeAction {
    CodeAction {
        title,
        kind: Some(kind),
        diagnostics: finding.map(|finding| vec![diagnostic(document, finding, client)]),
        edit: Some(workspace_edit(document, edits, client)),
        ..CodeAction::default()
    }
}

/// Makes an edit of one document, for this version where the client can tell versions apart.
pub(super) fn workspace_edit(document: &Document, edits: Vec<TextEdit>, client: Client) -> WorkspaceEdit {
    if client.document_changes {
        let uri = document.uri.clone();
        let text_document = OptionalVersionedTextDocumentIdentifier { uri, version: Some(document.version) };
        let edits = edits.into_iter().map(OneOf::Left).collect();
        let edit = DocumentChangeOperation::Edit(TextDocumentEdit { text_document, edits });
        return WorkspaceEdit { document_changes: Some(DocumentChanges::Operations(vec![edit])), ..Default::default() };
    }
    #[expect(clippy::mutable_key_type, reason = "the protocol's type")]
    let changes = std::iter::once((document.uri.clone(), edits)).collect();
    WorkspaceEdit { changes: Some(changes), ..Default::default() }
}

fn to_client(document: &Document, edit: &Edit) -> TextEdit {
    document.edit(edit.span, edit.text.as_str())
}

fn capitalized(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lsp::testing::document;
    use builder_core::lint::apply;

    fn ignored(text: &str, index: usize) -> String {
        let document = document(text);
        let edit = ignore_here(&document, index, "DL9").expect("an edit");
        apply(text, &[&edit])
    }

    #[test]
    fn a_comment_is_written_above_or_joined() {
        for (before, after) in [
            ("FROM a\nRUN x\n", "FROM a\n# hadolint ignore=DL9\nRUN x\n"),
            ("FROM a\r\n  RUN x\r\n", "FROM a\r\n  # hadolint ignore=DL9\r\n  RUN x\r\n"),
            ("FROM a\n# hadolint ignore=DL1\nRUN x\n", "FROM a\n# hadolint ignore=DL1,DL9\nRUN x\n"),
            (
                "FROM a\n#builder  ignore = DL1, DL2 , # why\nRUN x\n",
                "FROM a\n#builder  ignore = DL1, DL2,DL9 , # why\nRUN x\n",
            ),
            (
                "FROM a\n# hadolint ignore=DL1\n\nRUN x\n",
                "FROM a\n# hadolint ignore=DL1\n\n# hadolint ignore=DL9\nRUN x\n",
            ),
            ("FROM a\n# about x\nRUN x\n", "FROM a\n# about x\n# hadolint ignore=DL9\nRUN x\n"),
        ] {
            assert_eq!(ignored(before, 1), after);
        }
        assert_eq!(ignored("\u{feff}FROM a\n", 0), "\u{feff}# hadolint ignore=DL9\nFROM a\n");
    }

    #[test]
    fn a_comment_for_the_file_stands_below_the_directives() {
        for (before, after) in [
            ("FROM a\n", "# hadolint global ignore=DL9\nFROM a\n"),
            ("# syntax=x\nFROM a\n", "# syntax=x\n# hadolint global ignore=DL9\nFROM a\n"),
            ("# syntax=x", "# syntax=x\n# hadolint global ignore=DL9\n"),
        ] {
            assert_eq!(apply(before, &[&ignore_in_file(&document(before), "DL9")]), after);
        }
    }

    #[test]
    fn the_difference_of_two_texts_is_one_edit() {
        let document = document("FROM a🦀\nRUN x\n");
        let edit = difference(&document, "FROM a🦆\nRUN x\n").expect("another text");
        assert_eq!((edit.range.start.character, edit.range.end.character, edit.new_text.as_str()), (6, 8, "🦆"));
        assert_eq!(difference(&document, document.text()), None);
    }

    #[test]
    fn kinds_contain_those_below_them() {
        assert!(contains(&CodeActionKind::SOURCE, &FIX_ALL));
        assert!(contains(&CodeActionKind::SOURCE_FIX_ALL, &FIX_ALL));
        assert!(contains(&CodeActionKind::EMPTY, &FIX_ALL));
        assert!(!contains(&CodeActionKind::QUICKFIX, &FIX_ALL));
        assert!(!contains(&CodeActionKind::new("source.fix"), &FIX_ALL));
    }
}
