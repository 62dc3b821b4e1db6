//! `ENV`, `LABEL`, `ARG`: names and values.

use std::ops::Range;

use super::super::ast::{ArgDeclaration, InstructionKind, KeyValue, KeyValues, SourceText};
use super::super::word;
use super::Operands;
use crate::diagnostic::Diagnostic;
use crate::text::Spanned;

/// `ENV`.
pub(super) fn env(operands: &mut Operands<'_>) -> InstructionKind {
    operands.check_flags(&[]);
    key_values(operands).map_or(InstructionKind::Invalid, InstructionKind::Env)
}

/// `LABEL`.
pub(super) fn label(operands: &mut Operands<'_>) -> InstructionKind {
    operands.check_flags(&[]);
    key_values(operands).map_or(InstructionKind::Invalid, InstructionKind::Label)
}

fn key_values(operands: &mut Operands<'_>) -> Option<KeyValues> {
    let line = operands.line;
    let text = line.as_str();
    let words = word::split_quoted(text, operands.range.clone(), operands.escape);
    let Some(first) = words.first() else {
        operands.at_least_one();
        return None;
    };
    if !text.get(first.clone()).is_some_and(|word| word.contains('=')) {
        return legacy(operands);
    }
    let before = operands.diagnostics.len();
    let mut pairs = Vec::with_capacity(words.len());
    for word in words {
        let written = text.get(word.clone()).unwrap_or("");
        match written.find('=') {
            None => {
                let message = format!("Syntax error - can't find = in {written:?}. Must be of the form: name=value");
                let is_comment = written.starts_with('#');
                let help = if is_comment {
                    "comments stand on lines of their own: a Dockerfile has none behind an instruction"
                } else {
                    "put quotes around a value that has blanks in it"
                };
                let diagnostic = Diagnostic::error("missing-equals", line.span_of(word), message);
                operands.diagnostics.push(diagnostic.help(help));
                if is_comment {
                    break;
                }
            }
            Some(0) => blank_name(operands, word),
            Some(equals) => {
                let split = word.start + equals;
                pairs.push(KeyValue { key: line.slice(word.start..split), value: value(line, split + 1..word.end) });
            }
        }
    }
    (operands.diagnostics.len() == before).then_some(KeyValues { pairs, legacy: false })
}

/// `KEY rest of the line`.
fn legacy(operands: &mut Operands<'_>) -> Option<KeyValues> {
    let line = operands.line;
    let text = operands.text();
    let end = text.find(word::is_separator).unwrap_or(text.len());
    let after = text.get(end..).unwrap_or("");
    let skipped = after.len() - after.trim_start_matches(word::is_separator).len();
    if skipped == 0 {
        let message = format!("{} must have two arguments", operands.name);
        let help = format!("write `{} name=value`", operands.name);
        operands.diagnostics.push(Diagnostic::error("missing-operand", operands.place(), message).help(help));
        return None;
    }
    let start = operands.range.start;
    let key = line.slice(start..start + end);
    let value = value(line, start + end + skipped..operands.range.end);
    Some(KeyValues { pairs: vec![KeyValue { key, value }], legacy: true })
}

/// Returns the value in a range; an empty one stands right behind what is before it.
fn value(line: &SourceText, range: Range<usize>) -> SourceText {
    if range.is_empty() {
        let before = range.start.saturating_sub(1)..range.start;
        return SourceText::contiguous("", line.span_of(before).end);
    }
    line.slice(range)
}

fn blank_name(operands: &mut Operands<'_>, word: Range<usize>) {
    let message = format!("{} names can not be blank", operands.name);
    operands.diagnostics.push(Diagnostic::error("blank-name", operands.line.span_of(word), message));
}

/// `ARG`. Flags are dropped without a word, as BuildKit does.
pub(super) fn arg(operands: &mut Operands<'_>) -> InstructionKind {
    let line = operands.line;
    let text = line.as_str();
    let words = word::split_quoted(text, operands.range.clone(), operands.escape);
    if words.is_empty() {
        return operands.at_least_one();
    }
    let mut declarations = Vec::with_capacity(words.len());
    let mut failed = false;
    for word in words {
        let written = text.get(word.clone()).unwrap_or("");
        let split = written.find('=').map(|equals| word.start + equals);
        let key = word.start..split.unwrap_or(word.end);
        let name = unquoted(text.get(key.clone()).unwrap_or(""));
        if name.is_empty() {
            failed = true;
            blank_name(operands, word);
            continue;
        }
        declarations.push(ArgDeclaration {
            span: line.span_of(word.clone()),
            name: Spanned::new(name.to_owned(), line.span_of(key)),
            default: split.map(|split| value(line, split + 1..word.end)),
        });
    }
    if failed { InstructionKind::Invalid } else { InstructionKind::Arg(declarations) }
}

/// Removes one pair of quotes around a name.
fn unquoted(name: &str) -> &str {
    let inside = |quote| name.strip_prefix(quote).and_then(|rest: &str| rest.strip_suffix(quote));
    inside('"').or_else(|| inside('\'')).unwrap_or(name)
}
