//! `NoEmptyContinuation`.

use crate::dockerfile::EscapeCharacter;
use crate::lint::prelude::*;

rule! {
    /// ## What it does
    /// Finds blank lines between the lines of one instruction.
    ///
    /// ## Why it matters
    /// A blank line looks like the end of the instruction and is not; BuildKit has announced that it will become an
    /// error.
    ///
    /// ## Example
    /// ```dockerfile
    /// RUN apk add \
    ///
    ///     curl
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// RUN apk add \
    ///     curl
    /// ```
    ///
    /// ## Fix safety
    /// Safe: the lines mean nothing.
    RULE {
        id: "empty-continuation",
        codes: &["NoEmptyContinuation"],
        summary: "a blank line in a continued instruction",
        level: Level::Warning,
        group: Group::Maintenance,
        activation: Activation::Default,
        fixable: Fixable::Always,
        status: FIRST,
        check: Check::Instruction(check),
    }
}

fn check(cx: &Context<'_>, view: &InstructionView<'_>) {
    if view.is_trigger() {
        return;
    }
    let (blanks, last) = blank_lines(cx, view.instruction);
    let Some(first) = blanks.first() else { return };
    // BuildKit names the last line of the instruction.
    let place = if cx.is_buildkit() { last } else { *first };
    let title = if blanks.len() == 1 { "remove the blank line" } else { "remove the blank lines" };
    let edits = blanks.iter().map(|span| Edit::delete(*span)).collect();
    cx.report(view.index, place, "a blank line in a continued instruction")
        .in_buildkits_words(|| "Empty continuation line".to_owned())
        .fix(Fix::safe(title, edits))
        .done();
}

/// Returns the blank lines of an instruction with their line feeds, and its last line.
fn blank_lines(cx: &Context<'_>, instruction: &Instruction) -> (Vec<Span>, Span) {
    let start = instruction.head.start as usize;
    let text = cx.source.text().get(start..).unwrap_or_default();
    let (mut at, mut blanks) = (start, Vec::new());
    let mut last = Span::at(instruction.head.start);
    for (number, line) in text.split_inclusive('\n').enumerate() {
        let span = Span::from_range(at..at + line.len());
        at += line.len();
        last = Span::from_range(span.range().start..span.range().start + line.trim_end().len());
        let content = line.trim();
        if number > 0 && content.is_empty() {
            blanks.push(span);
        } else if (number == 0 || !content.starts_with('#')) && !is_continued(line, cx.dockerfile.escape) {
            break;
        }
    }
    (blanks, last)
}

/// Tells whether a line goes on in the next one.
fn is_continued(line: &str, escape: EscapeCharacter) -> bool {
    let line = line.trim_end_matches(['\n', '\r']).trim_end_matches([' ', '\t']);
    let escape = escape.as_char();
    line.strip_suffix(escape).is_some_and(|rest| !rest.ends_with(escape))
}
