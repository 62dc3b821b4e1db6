//! `FROM`.

use super::super::ast::{From, InstructionKind};
use super::super::flags::FlagKind;
use super::super::word;
use super::Operands;
use crate::diagnostic::Diagnostic;
use crate::text::Spanned;

/// `FROM [--platform=P] image [AS name]`.
pub(super) fn parse(operands: &mut Operands<'_>) -> InstructionKind {
    let flags = operands.check_flags(&[("platform", FlagKind::Text)]);
    let line = operands.line;
    let text = line.as_str();
    let words = word::split(text, operands.range.clone());
    let spanned = |range: &std::ops::Range<usize>| {
        Spanned::new(text.get(range.clone()).unwrap_or("").to_owned(), line.span_of(range.clone()))
    };
    let (image, name) = match words.as_slice() {
        [image] => (image, None),
        [image, as_keyword, name] if text.get(as_keyword.clone()).is_some_and(|w| w.eq_ignore_ascii_case("as")) => {
            (image, Some((spanned(as_keyword), spanned(name))))
        }
        words => {
            let diagnostic = wrong_count(operands, words);
            return operands.fail(diagnostic);
        }
    };
    if let Some((_, name)) = &name
        && !is_stage_name(&name.value)
    {
        let message = format!(
            "invalid name for build stage: {:?}, name can't start with a number or contain symbols",
            name.value
        );
        let diagnostic = Diagnostic::error("invalid-stage-name", name.span, message);
        let note = "a stage name is a letter, then letters, digits, `-`, `_` and `.`";
        operands.diagnostics.push(diagnostic.note(note));
    }
    let (as_keyword, name) = name.unzip();
    InstructionKind::From(From { platform: flags.text("platform"), image: line.slice(image.clone()), as_keyword, name })
}

fn wrong_count(operands: &Operands<'_>, words: &[std::ops::Range<usize>]) -> Diagnostic {
    let message = "FROM requires either one or three arguments";
    let text = operands.line.as_str();
    // The first word that is out of place says more than the whole line.
    let wrong = match words {
        [_, word] | [_, word, _] => Some(word.start..word.end),
        [_, word, ..] if !text.get(word.clone()).is_some_and(|w| w.eq_ignore_ascii_case("as")) => {
            Some(word.start..operands.range.end)
        }
        [_, _, _, extra, ..] => Some(extra.start..operands.range.end),
        _ => None,
    };
    let place = wrong.map_or(operands.place(), |range| operands.line.span_of(range));
    Diagnostic::error("from-operands", place, message).help("write `FROM image` or `FROM image AS name`")
}

fn is_stage_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
}
