//! A named source text.

use super::{LineIndex, Span};

/// One source text with the name under which people know it (`Dockerfile`, `-`, a path as given).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SourceFile {
    name: String,
    text: String,
    lines: LineIndex,
}

impl SourceFile {
    /// Joins a name and a text.
    pub fn new(name: impl Into<String>, text: impl Into<String>) -> Self {
        let text = text.into();
        let lines = LineIndex::new(&text);
        Self { name: name.into(), text, lines }
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
