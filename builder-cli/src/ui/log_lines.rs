//! From the bytes that a step writes to lines that are safe to show.

use super::width::char_columns;

/// A line longer than this is broken: a step that never writes a newline must not fill memory.
const MAX_LINE_BYTES: usize = 16 * 1024;
/// Columns between two tab stops.
const TAB: usize = 8;

/// Joins chunks of bytes into lines. A carriage return begins the line again, so that of a progress bar
/// only its last state is left.
#[derive(Debug, Default)]
pub(crate) struct LogLines {
    pending: Vec<u8>,
    returned: bool,
}

impl LogLines {
    /// Takes more bytes and returns the lines that are complete now.
    pub(crate) fn push(&mut self, data: &[u8]) -> Vec<String> {
        let mut lines = Vec::new();
        for byte in data {
            match byte {
                b'\n' => {
                    lines.push(self.take());
                    self.returned = false;
                }
                b'\r' => self.returned = true,
                other => {
                    if std::mem::take(&mut self.returned) {
                        self.pending.clear();
                    }
                    self.pending.push(*other);
                    if self.pending.len() >= MAX_LINE_BYTES {
                        lines.push(self.take());
                    }
                }
            }
        }
        lines
    }

    /// Returns the line that has no end yet, where there is one.
    pub(crate) fn unfinished(&self) -> Option<String> {
        (!self.pending.is_empty()).then(|| printable(&String::from_utf8_lossy(&self.pending)))
    }

    /// Takes out the line that has no end yet, where there is one.
    pub(crate) fn finish(&mut self) -> Option<String> {
        (!self.pending.is_empty()).then(|| self.take())
    }

    fn take(&mut self) -> String {
        let bytes = std::mem::take(&mut self.pending);
        printable(&String::from_utf8_lossy(&bytes))
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Ground,
    Escape,
    Sequence,
    Text,
    TextEscape,
}

/// Returns a text without anything that a terminal would act on: escape sequences, control characters and
/// marks that reorder text are dropped, tabs become spaces, and a backspace removes a character.
pub(crate) fn printable(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut column = 0;
    let mut state = State::Ground;
    for c in text.chars() {
        state = match (state, c) {
            (State::Ground | State::Sequence, '\u{1b}') => State::Escape,
            (State::Ground, '\u{9b}') => State::Sequence,
            (State::Ground, '\u{90}' | '\u{98}' | '\u{9d}' | '\u{9e}' | '\u{9f}') => State::Text,
            (State::Escape, '[') => State::Sequence,
            (State::Escape, ']' | 'P' | 'X' | '^' | '_') | (State::TextEscape, _) if c != '\\' => State::Text,
            (State::Escape, ' '..='/' | '\u{1b}') => State::Escape,
            (State::Sequence, '@'..='~') | (State::Text, '\u{7}' | '\u{9c}') => State::Ground,
            (State::Escape | State::TextEscape, _) => State::Ground,
            (State::Text, '\u{1b}') => State::TextEscape,
            (State::Sequence | State::Text, _) => state,
            (State::Ground, '\t') => {
                let spaces = TAB - column % TAB;
                out.extend(std::iter::repeat_n(' ', spaces));
                column += spaces;
                State::Ground
            }
            (State::Ground, '\u{8}') => {
                column -= out.pop().map_or(0, char_columns).min(column);
                State::Ground
            }
            (State::Ground, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}') => State::Ground,
            (State::Ground, c) if c.is_control() => State::Ground,
            (State::Ground, c) => {
                out.push(c);
                column += char_columns(c);
                State::Ground
            }
        };
    }
    out
}

/// Returns a text as one printable line that keeps its blanks: where they are all that differs, they matter.
pub(crate) fn exact_line(text: &str) -> String {
    printable(&text.replace(['\n', '\r'], " "))
}

/// Returns a text as one printable line.
pub(crate) fn one_line(text: &str) -> String {
    printable(&text.split_whitespace().collect::<Vec<_>>().join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_joined_across_chunks() {
        let mut lines = LogLines::default();
        assert_eq!(lines.push(b"one\ntw"), ["one"]);
        assert_eq!(lines.unfinished().as_deref(), Some("tw"));
        assert_eq!(lines.push(b"o\r\n\nthree"), ["two", ""]);
        assert_eq!(lines.finish().as_deref(), Some("three"));
        assert_eq!(lines.finish(), None);
    }

    #[test]
    fn a_carriage_return_keeps_only_the_last_state() {
        let mut lines = LogLines::default();
        assert!(lines.push(b"10%\r20%\r").is_empty());
        assert_eq!(lines.unfinished().as_deref(), Some("20%"));
        assert_eq!(lines.push(b"100%\n"), ["100%"]);
    }

    #[test]
    fn a_line_without_end_is_broken() {
        let mut lines = LogLines::default();
        let broken = lines.push(&vec![b'x'; MAX_LINE_BYTES + 3]);
        assert_eq!(broken.iter().map(String::len).collect::<Vec<_>>(), [MAX_LINE_BYTES]);
        assert_eq!(lines.unfinished().as_deref(), Some("xxx"));
    }

    #[test]
    fn what_a_terminal_would_act_on_is_dropped() {
        for (text, expected) in [
            ("\u{1b}[31mred\u{1b}[0m", "red"),
            ("\u{1b}[2J\u{1b}[Hx", "x"),
            ("\u{1b}]0;title\u{7}x", "x"),
            ("\u{1b}]8;;http://a\u{1b}\\link\u{1b}]8;;\u{1b}\\!", "link!"),
            ("\u{9b}31mx", "x"),
            ("\u{1b}(Bx", "x"),
            ("\u{1b}cx", "x"),
            ("\u{1b}P1$r\u{1b}\\x", "x"),
            ("a\tb", "a       b"),
            ("ab\u{8}c", "ac"),
            ("a\u{0}\u{7f}\u{85}b", "ab"),
            ("a\u{202e}b", "ab"),
            ("grün 漢", "grün 漢"),
            ("\u{1b}", ""),
        ] {
            assert_eq!(printable(text), expected, "{text:?}");
        }
    }

    #[test]
    fn names_become_one_line() {
        assert_eq!(one_line("RUN a\n  b\u{1b}[1m"), "RUN a b");
    }
}
