//! Lines and columns as the protocol counts them: from 0, columns in UTF-16 or UTF-8 code units.

use builder_core::text::Span;
use lsp_types::{Position, PositionEncodingKind, Range};

/// What columns count.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) enum Encoding {
    /// Bytes.
    Utf8,
    /// UTF-16 code units: what every client knows.
    #[default]
    Utf16,
}

impl Encoding {
    /// Chooses among what a client offers: bytes cost nothing.
    pub(super) fn negotiate(offered: &[PositionEncodingKind]) -> Self {
        if offered.contains(&PositionEncodingKind::UTF8) { Self::Utf8 } else { Self::Utf16 }
    }

    /// Returns the protocol's name.
    pub(super) fn kind(self) -> PositionEncodingKind {
        match self {
            Self::Utf8 => PositionEncodingKind::UTF8,
            Self::Utf16 => PositionEncodingKind::UTF16,
        }
    }
}

/// Where the lines of a text begin. The protocol ends them at `\n`, `\r\n` and `\r`.
#[derive(Clone, Debug)]
pub(super) struct Lines {
    starts: Vec<usize>,
    is_ascii: bool,
    encoding: Encoding,
}

impl Lines {
    /// Scans a text.
    pub(super) fn new(text: &str, encoding: Encoding) -> Self {
        let bytes = text.as_bytes();
        let mut starts = vec![0];
        let ends = bytes.iter().enumerate().filter(|(at, byte)| match byte {
            b'\n' => true,
            b'\r' => bytes.get(at + 1) != Some(&b'\n'),
            _ => false,
        });
        starts.extend(ends.map(|(at, _)| at + 1));
        Self { starts, is_ascii: text.is_ascii(), encoding }
    }

    /// Returns the line of an offset, counted from 0.
    pub(super) fn line_of(&self, offset: usize) -> usize {
        self.starts.partition_point(|start| *start <= offset).saturating_sub(1)
    }

    /// Returns where a line begins, and where it ends without its terminator.
    pub(super) fn bounds(&self, text: &str, line: usize) -> Option<(usize, usize)> {
        let start = *self.starts.get(line)?;
        let end = self.starts.get(line + 1).copied().unwrap_or(text.len());
        let content = text.get(start..end)?.trim_end_matches(['\r', '\n']);
        Some((start, start + content.len()))
    }

    /// Returns the position of an offset.
    pub(super) fn position(&self, text: &str, offset: usize) -> Position {
        let offset = floor_boundary(text, offset);
        let line = self.line_of(offset);
        let start = self.starts.get(line).copied().unwrap_or(0);
        let before = text.get(start..offset).unwrap_or("");
        let column = if self.is_ascii || self.encoding == Encoding::Utf8 {
            before.len()
        } else {
            before.chars().map(char::len_utf16).sum()
        };
        Position::new(narrow(line), narrow(column))
    }

    /// Returns the range of a span.
    pub(super) fn range(&self, text: &str, span: Span) -> Range {
        let range = span.range();
        Range::new(self.position(text, range.start), self.position(text, range.end))
    }

    /// Returns the offset of a position; what is beyond the end of a line or of the text counts as that end, and
    /// what is inside of a character as its beginning.
    pub(super) fn offset(&self, text: &str, position: Position) -> usize {
        let Some((start, end)) = self.bounds(text, position.line as usize) else { return text.len() };
        let column = position.character as usize;
        if self.is_ascii || self.encoding == Encoding::Utf8 {
            return floor_boundary(text, start.saturating_add(column).min(end));
        }
        let mut units = 0;
        let line = text.get(start..end).unwrap_or("");
        for (at, c) in line.char_indices() {
            units += c.len_utf16();
            if units > column {
                return start + at;
            }
        }
        end
    }
}

fn floor_boundary(text: &str, offset: usize) -> usize {
    let mut offset = offset.min(text.len());
    while !text.is_char_boundary(offset) {
        offset -= 1;
    }
    offset
}

fn narrow(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "RUN é🦀x\r\nb\rc\n";

    #[test]
    fn columns_count_code_units() {
        for (encoding, columns) in [(Encoding::Utf16, [4, 5, 7, 8]), (Encoding::Utf8, [4, 6, 10, 11])] {
            let lines = Lines::new(TEXT, encoding);
            for (offset, column) in [4, 6, 10, 11].into_iter().zip(columns) {
                assert_eq!(lines.position(TEXT, offset), Position::new(0, column), "{encoding:?}");
                assert_eq!(lines.offset(TEXT, Position::new(0, column)), offset, "{encoding:?}");
            }
        }
    }

    #[test]
    fn three_kinds_of_line_ends() {
        let lines = Lines::new(TEXT, Encoding::Utf16);
        assert_eq!(lines.position(TEXT, 13), Position::new(1, 0));
        assert_eq!(lines.position(TEXT, 15), Position::new(2, 0));
        assert_eq!(lines.position(TEXT, TEXT.len()), Position::new(3, 0));
        assert_eq!(lines.bounds(TEXT, 1), Some((13, 14)));
    }

    #[test]
    fn places_that_are_not_there_are_the_nearest_ones() {
        let lines = Lines::new(TEXT, Encoding::Utf16);
        assert_eq!(lines.offset(TEXT, Position::new(0, 999)), 11);
        assert_eq!(lines.offset(TEXT, Position::new(99, 0)), TEXT.len());
        assert_eq!(lines.offset(TEXT, Position::new(u32::MAX, u32::MAX)), TEXT.len());
        // In the middle of the crab.
        assert_eq!(lines.offset(TEXT, Position::new(0, 6)), 6);
        assert_eq!(Lines::new(TEXT, Encoding::Utf8).offset(TEXT, Position::new(0, 7)), 6);
        assert_eq!(lines.position(TEXT, 8), Position::new(0, 5));
        assert_eq!(Lines::new("", Encoding::Utf16).offset("", Position::new(3, 3)), 0);
    }
}
