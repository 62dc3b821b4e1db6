//! From byte offsets to lines and columns.

/// A place for people: both numbers count from 1; columns count Unicode scalar values.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct LineColumn {
    /// Line, 1-based.
    pub line: u32,
    /// Column, 1-based, in Unicode scalar values.
    pub column: u32,
}

/// The offsets at which the lines of a text begin.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LineIndex {
    starts: Vec<u32>,
}

impl LineIndex {
    /// Scans a text; lines end at `\n`.
    pub fn new(text: &str) -> Self {
        let narrow = |offset: usize| u32::try_from(offset).unwrap_or(u32::MAX);
        let mut starts = vec![0];
        starts.extend(text.bytes().enumerate().filter(|(_, b)| *b == b'\n').map(|(i, _)| narrow(i + 1)));
        Self { starts }
    }

    /// Returns the number of lines; a text that ends in `\n` has an empty last line.
    pub fn line_count(&self) -> u32 {
        u32::try_from(self.starts.len()).unwrap_or(u32::MAX)
    }

    /// Returns line and column of a byte offset of the text that this index was made from.
    pub fn line_column(&self, text: &str, offset: u32) -> LineColumn {
        let line = self.starts.partition_point(|start| *start <= offset).max(1);
        let start = self.starts[line - 1] as usize;
        let end = (offset as usize).min(text.len());
        let column = text.get(start..end).map_or(end - start.min(end), |before| before.chars().count());
        let narrow = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        LineColumn { line: narrow(line), column: narrow(column + 1) }
    }

    /// Returns the text of a line, 1-based, without its line terminator; empty where there is none.
    pub fn line_text<'t>(&self, text: &'t str, line: u32) -> &'t str {
        let Some(start) = (line as usize).checked_sub(1).and_then(|i| self.starts.get(i)) else { return "" };
        let end = self.starts.get(line as usize).map_or(text.len(), |next| *next as usize);
        let slice = text.get(*start as usize..end).unwrap_or("");
        let slice = slice.strip_suffix('\n').unwrap_or(slice);
        slice.strip_suffix('\r').unwrap_or(slice)
    }

    /// Returns the byte offset at which a line, 1-based, begins.
    pub fn line_start(&self, line: u32) -> Option<u32> {
        (line as usize).checked_sub(1).and_then(|i| self.starts.get(i)).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_count_characters_and_lines_keep_their_text() {
        let text = "FROM é\r\nRUN x\n";
        let index = LineIndex::new(text);
        assert_eq!(index.line_column(text, 7), LineColumn { line: 1, column: 7 });
        assert_eq!(index.line_column(text, 9), LineColumn { line: 2, column: 1 });
        assert_eq!(index.line_text(text, 1), "FROM é");
        assert_eq!(index.line_text(text, 2), "RUN x");
        assert_eq!(index.line_text(text, 9), "");
    }
}
