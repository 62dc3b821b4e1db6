//! Physical lines, and the joining of those that end in the escape character.

use super::ast::{Comment, EscapeCharacter, SourceText};
use crate::text::Span;

/// The longest physical line in bytes, its terminator not counted; BuildKit's limit.
pub const MAX_LINE_BYTES: usize = 65_535;

/// A line as it stands in the file.
#[derive(Clone, Copy, Debug)]
pub(super) struct PhysicalLine<'t> {
    /// The offset of its first byte.
    pub(super) start: usize,
    /// Its text without the terminator.
    pub(super) content: &'t str,
    /// The offset of the byte after its terminator.
    pub(super) next: usize,
}

impl PhysicalLine<'_> {
    /// Returns the span of the content.
    pub(super) fn span(&self) -> Span {
        Span::from_range(self.start..self.start + self.content.len())
    }

    /// Returns the content without leading blanks and the offset at which it begins.
    pub(super) fn trimmed_start(&self) -> (&str, usize) {
        let content = self.content.trim_start();
        (content, self.start + self.content.len() - content.len())
    }
}

/// Reads physical lines one after the other.
#[derive(Debug)]
pub(super) struct Reader<'t> {
    text: &'t str,
    position: usize,
}

impl<'t> Reader<'t> {
    /// Starts at the top of a text, behind the byte order mark where there is one.
    pub(super) fn new(text: &'t str) -> Self {
        let position = if text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
        Self { text, position }
    }

    /// Returns the next line, or `None` at the end of the text.
    pub(super) fn next_line(&mut self) -> Option<PhysicalLine<'t>> {
        let rest = self.text.get(self.position..).filter(|rest| !rest.is_empty())?;
        let length = rest.find('\n').map_or(rest.len(), |newline| newline + 1);
        let content = rest.get(..length).unwrap_or(rest).trim_end_matches(['\r', '\n']);
        let line = PhysicalLine { start: self.position, content, next: self.position + length };
        self.position = line.next;
        Some(line)
    }

    /// Returns the offset of the next line.
    pub(super) fn position(&self) -> usize {
        self.position
    }

    /// Goes on reading at an offset that a line began at.
    pub(super) fn seek(&mut self, position: usize) {
        self.position = position;
    }

    /// Returns the text between two offsets.
    pub(super) fn slice(&self, start: usize, end: usize) -> &'t str {
        self.text.get(start..end).unwrap_or("")
    }
}

/// Returns the text before the escape character where it continues the line.
///
/// `\\` at the end of a line continues nothing: the character before the last must be another one.
pub(super) fn continued(line: &str, escape: EscapeCharacter) -> Option<&str> {
    let before = line.trim_end_matches([' ', '\t']).strip_suffix(escape.as_char())?;
    (!before.ends_with(escape.as_char())).then_some(before)
}

/// Reads a comment line that begins at `offset`.
pub(super) fn comment(content: &str, offset: usize) -> Comment {
    let text = content.strip_prefix('#').unwrap_or(content).trim().to_owned();
    Comment { span: Span::from_range(offset..offset + content.len()), text }
}

/// Puts a text together from runs of source bytes.
#[derive(Debug, Default)]
pub(super) struct TextBuilder {
    text: String,
    pieces: Vec<(u32, u32)>,
    expected: usize,
}

impl TextBuilder {
    /// Appends bytes that stand at `offset` in the source.
    pub(super) fn push(&mut self, part: &str, offset: usize) {
        if part.is_empty() {
            return;
        }
        if self.pieces.is_empty() || self.expected != offset {
            let narrow = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
            self.pieces.push((narrow(self.text.len()), narrow(offset)));
        }
        self.text.push_str(part);
        self.expected = offset + part.len();
    }

    /// Ends with a span of the caller's choice; `empty` is the place of a text without bytes.
    pub(super) fn finish_with(mut self, span: Span, empty: u32) -> SourceText {
        if self.pieces.is_empty() {
            self.pieces.push((0, empty));
        }
        SourceText::from_pieces(self.text, span, self.pieces)
    }

    /// Ends with the span from the first byte to the last.
    pub(super) fn finish(self, empty: usize) -> SourceText {
        let start = self.pieces.first().map_or(empty, |(_, source)| *source as usize);
        let end = self.expected.max(start);
        self.finish_with(Span::from_range(start..end), u32::try_from(empty).unwrap_or(u32::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_single_escape_at_the_end_continues() {
        let backslash = EscapeCharacter::Backslash;
        for (line, expected) in [
            (r"RUN a \", Some("RUN a ")),
            ("RUN a \\ \t", Some("RUN a ")),
            (r"\", Some("")),
            (r"   \", Some("   ")),
            (r"RUN a \\", None),
            (r"RUN a \\\", None),
            (r"RUN a \b", None),
            ("", None),
        ] {
            assert_eq!(continued(line, backslash), expected, "{line:?}");
        }
        assert_eq!(continued("RUN a `", EscapeCharacter::Backtick), Some("RUN a "));
        assert_eq!(continued(r"RUN C:\", EscapeCharacter::Backtick), None);
    }

    #[test]
    fn lines_lose_their_terminators_and_the_byte_order_mark() {
        let mut reader = Reader::new("\u{feff}FROM x\r\nRUN y\n\nlast");
        let lines: Vec<_> = std::iter::from_fn(|| reader.next_line()).map(|l| (l.start, l.content)).collect();
        assert_eq!(lines, [(3, "FROM x"), (11, "RUN y"), (17, ""), (18, "last")]);
    }
}
