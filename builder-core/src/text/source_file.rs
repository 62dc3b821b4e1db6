//! A named source text.

use super::{LineIndex, Span};

/// One source text with the name under which people know it (`Dockerfile`, `-`, a path as given).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SourceFile {
    name: String,
    text: String,
    lines: LineIndex,
    replaced: Vec<Span>,
}

impl SourceFile {
    /// Joins a name and a text.
    pub fn new(name: impl Into<String>, text: impl Into<String>) -> Self {
        let text = text.into();
        let lines = LineIndex::new(&text);
        Self { name: name.into(), text, lines, replaced: Vec::new() }
    }

    /// Joins a name and bytes that should be UTF-8: what is not stands as U+FFFD in the text.
    pub fn from_bytes(name: impl Into<String>, bytes: &[u8]) -> Self {
        let mut text = String::with_capacity(bytes.len());
        let mut replaced = Vec::new();
        for chunk in bytes.utf8_chunks() {
            text.push_str(chunk.valid());
            if !chunk.invalid().is_empty() {
                let start = text.len();
                text.push(char::REPLACEMENT_CHARACTER);
                replaced.push(Span::from_range(start..text.len()));
            }
        }
        Self { replaced, ..Self::new(name, text) }
    }

    /// Returns where the text stands for bytes that were not UTF-8, in order.
    pub fn replaced(&self) -> &[Span] {
        &self.replaced
    }

    /// Returns the name for display.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the whole text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Returns the line index of the text.
    pub fn lines(&self) -> &LineIndex {
        &self.lines
    }

    /// Returns the text that a span covers, or the empty string where the span is not on character
    /// boundaries of this text.
    pub fn slice(&self, span: Span) -> &str {
        self.text.get(span.range()).unwrap_or("")
    }

    /// Returns the line, 1-based, on which a span begins.
    pub fn line_of(&self, span: Span) -> u32 {
        self.lines.line_column(&self.text, span.start).line
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_that_are_no_text_are_replaced_and_remembered() {
        let source = SourceFile::from_bytes("x", b"a\xe9b\xff\xe2\x82c\xef\xbf\xbd");
        assert_eq!(source.text(), "a\u{fffd}b\u{fffd}\u{fffd}c\u{fffd}");
        let places: Vec<_> = source.replaced().iter().map(|span| span.range()).collect();
        // The last one is what the file says.
        assert_eq!(places, [1..4, 5..8, 8..11]);
        assert_eq!(SourceFile::from_bytes("x", b"FROM x"), SourceFile::new("x", "FROM x"));
    }
}
