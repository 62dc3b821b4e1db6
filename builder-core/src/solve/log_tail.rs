//! The last lines of a step's output, kept for the message of its failure.

use std::collections::VecDeque;

/// Lines that are kept.
const MAX_LINES: usize = 20;
/// Bytes of one line that are kept; the rest of a longer line is dropped.
const MAX_LINE_BYTES: usize = 1024;

/// Keeps the last lines of a byte stream.
#[derive(Debug, Default)]
pub(crate) struct LogTail {
    lines: VecDeque<String>,
    partial: Vec<u8>,
}

impl LogTail {
    /// Takes more output.
    pub(crate) fn push(&mut self, data: &[u8]) {
        for piece in data.split_inclusive(|byte| *byte == b'\n') {
            let text = piece.strip_suffix(b"\n").unwrap_or(piece);
            let room = MAX_LINE_BYTES.saturating_sub(self.partial.len()).min(text.len());
            self.partial.extend_from_slice(&text[..room]);
            if piece.ends_with(b"\n") {
                self.end_line();
            }
        }
    }

    fn end_line(&mut self) {
        let line = std::mem::take(&mut self.partial);
        if self.lines.len() == MAX_LINES {
            self.lines.pop_front();
        }
        // What follows the last carriage return is what a terminal would show.
        let line = line.strip_suffix(b"\r").unwrap_or(&line);
        let shown = line.rsplit(|byte| *byte == b'\r').next().unwrap_or(line);
        self.lines.push_back(String::from_utf8_lossy(shown).into_owned());
    }

    /// Returns the lines, oldest first, an unfinished last one included.
    pub(crate) fn into_lines(mut self) -> Vec<String> {
        if !self.partial.is_empty() {
            self.end_line();
        }
        self.lines.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_lines_are_kept_and_progress_bars_collapse() {
        let mut tail = LogTail::default();
        for number in 0..100 {
            tail.push(format!("line {number}\n").as_bytes());
        }
        tail.push(b"10%\r50%\r100%\r\nhalf ");
        tail.push(b"a line");
        let lines = tail.into_lines();
        assert_eq!(lines.len(), MAX_LINES);
        assert_eq!(lines[lines.len() - 2..], ["100%", "half a line"]);
    }
}
