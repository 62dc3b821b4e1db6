//! The exec form: operands that are, all of them, one JSON array of strings.
//!
//! Text that begins with `[` but does not decode is not an error, it is a shell command; so this decoder
//! accepts exactly what a strict JSON decoder accepts. Nothing recurses.

use std::ops::Range;

use super::ast::SourceText;
use super::line::TextBuilder;
use crate::text::{Span, Spanned};

/// How deep arrays and objects may nest before the text counts as not decodable; Go's limit.
const MAX_DEPTH: usize = 10_000;

/// What a text is when read as JSON.
#[derive(Debug)]
pub(super) enum ExecForm {
    /// An array of strings: each decoded, its span covering the quotes.
    Strings(Vec<SourceText>),
    /// An array with something else in it, at the span.
    NotStrings(Span),
    /// No JSON array: shell form, or plain words.
    Shell,
}

/// Returns the strings as values with their spans.
pub(super) fn to_spanned(strings: &[SourceText]) -> Vec<Spanned<String>> {
    strings.iter().map(|s| Spanned::new(s.as_str().to_owned(), s.span())).collect()
}

/// Reads a part of a line, blanks around it removed, as a JSON array.
pub(super) fn parse(line: &SourceText, range: Range<usize>) -> ExecForm {
    let Some(text) = line.as_str().get(..range.end) else { return ExecForm::Shell };
    let mut json = Json { line, text, at: range.start };
    json.array().unwrap_or(ExecForm::Shell)
}

struct Json<'a> {
    line: &'a SourceText,
    text: &'a str,
    at: usize,
}

impl Json<'_> {
    fn array(&mut self) -> Option<ExecForm> {
        self.expect(b'[')?;
        let mut strings = Vec::new();
        let mut other = None;
        self.blanks();
        if self.peek()? == b']' {
            self.at += 1;
        } else {
            loop {
                self.blanks();
                let start = self.at;
                if self.peek()? == b'"' {
                    strings.push(self.string()?);
                } else {
                    self.skip_value()?;
                    other = other.or_else(|| Some(self.line.span_of(start..self.at)));
                }
                self.blanks();
                match self.next()? {
                    b',' => {}
                    b']' => break,
                    _ => return None,
                }
            }
        }
        self.blanks();
        if self.at != self.text.len() {
            return None;
        }
        Some(other.map_or(ExecForm::Strings(strings), ExecForm::NotStrings))
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn next(&mut self) -> Option<u8> {
        let byte = self.peek()?;
        self.at += 1;
        Some(byte)
    }

    fn expect(&mut self, byte: u8) -> Option<()> {
        (self.next()? == byte).then_some(())
    }

    fn blanks(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\r' | b'\n')) {
            self.at += 1;
        }
    }

    /// Decodes a string; the position is at its opening quote.
    fn string(&mut self) -> Option<SourceText> {
        let open = self.at;
        self.expect(b'"')?;
        let mut decoded = TextBuilder::default();
        loop {
            let start = self.at;
            let c = self.text.get(start..)?.chars().next()?;
            let source = self.line.source_offset(start) as usize;
            self.at += c.len_utf8();
            match c {
                '"' => {
                    let span = self.line.span_of(open..self.at);
                    return Some(decoded.finish_with(span, self.line.source_offset(start)));
                }
                '\\' => decoded.push(self.escape()?.encode_utf8(&mut [0; 4]), source),
                c if c < ' ' => return None,
                c => decoded.push(c.encode_utf8(&mut [0; 4]), source),
            }
        }
    }

    /// Decodes what follows a backslash.
    fn escape(&mut self) -> Option<char> {
        Some(match self.next()? {
            b'"' => '"',
            b'\\' => '\\',
            b'/' => '/',
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => return self.unicode_escape(),
            _ => return None,
        })
    }

    /// Decodes the digits of `\u0041`; half of a surrogate pair becomes the replacement character.
    fn unicode_escape(&mut self) -> Option<char> {
        let first = self.hex4()?;
        if (0xD800..0xDC00).contains(&first) {
            let rewind = self.at;
            if self.next() == Some(b'\\') && self.next() == Some(b'u') {
                let second = self.hex4()?;
                if (0xDC00..0xE000).contains(&second) {
                    return char::from_u32(0x10000 + ((first - 0xD800) << 10) + (second - 0xDC00));
                }
            }
            self.at = rewind;
        }
        Some(char::from_u32(first).unwrap_or(char::REPLACEMENT_CHARACTER))
    }

    fn hex4(&mut self) -> Option<u32> {
        let digits = self.text.get(self.at..self.at + 4)?;
        if !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
            return None;
        }
        self.at += 4;
        u32::from_str_radix(digits, 16).ok()
    }

    /// Passes over any value, checking its syntax.
    fn skip_value(&mut self) -> Option<()> {
        let mut open: Vec<u8> = Vec::new();
        loop {
            self.blanks();
            match self.peek()? {
                b'[' | b'{' if open.len() >= MAX_DEPTH => return None,
                bracket @ (b'[' | b'{') => {
                    let close = if bracket == b'[' { b']' } else { b'}' };
                    self.at += 1;
                    self.blanks();
                    if self.peek()? != close {
                        open.push(close);
                        if close == b'}' {
                            self.key()?;
                        }
                        continue;
                    }
                    self.at += 1;
                }
                b'"' => drop(self.string()?),
                b't' => self.literal("true")?,
                b'f' => self.literal("false")?,
                b'n' => self.literal("null")?,
                _ => self.number()?,
            }
            loop {
                let Some(close) = open.last().copied() else { return Some(()) };
                self.blanks();
                match self.next()? {
                    b',' => {
                        if close == b'}' {
                            self.blanks();
                            self.key()?;
                        }
                        break;
                    }
                    byte if byte == close => drop(open.pop()),
                    _ => return None,
                }
            }
        }
    }

    fn key(&mut self) -> Option<()> {
        self.string()?;
        self.blanks();
        self.expect(b':')
    }

    fn literal(&mut self, word: &str) -> Option<()> {
        self.text.get(self.at..)?.starts_with(word).then(|| self.at += word.len())
    }

    fn digits(&mut self) -> Option<()> {
        let start = self.at;
        while self.peek().is_some_and(|b| b.is_ascii_digit()) {
            self.at += 1;
        }
        (self.at > start).then_some(())
    }

    fn number(&mut self) -> Option<()> {
        if self.peek()? == b'-' {
            self.at += 1;
        }
        if self.peek()? == b'0' {
            self.at += 1;
        } else {
            self.digits()?;
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.digits()?;
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Vec<String>, &'static str> {
        match parse(&SourceText::contiguous(text, 0), 0..text.len()) {
            ExecForm::Strings(strings) => Ok(strings.iter().map(|s| s.as_str().to_owned()).collect()),
            ExecForm::NotStrings(_) => Err("not strings"),
            ExecForm::Shell => Err("shell"),
        }
    }

    #[test]
    fn only_whole_arrays_of_strings_are_exec_form() {
        for (text, expected) in [
            (r#"["a", "b c"]"#, Ok(vec!["a", "b c"])),
            ("[]", Ok(vec![])),
            ("[ ]  ", Ok(vec![])),
            (r#"["C:\new"]"#, Ok(vec!["C:\new"])),
            (r#"["\u00e9\ud83d\ude00\ud800x"]"#, Ok(vec!["é😀\u{fffd}x"])),
            (r#"["é"]"#, Ok(vec!["é"])),
            ("['a']", Err("shell")),
            (r#"["a",]"#, Err("shell")),
            (r#"["a""#, Err("shell")),
            (r#"["a"] b"#, Err("shell")),
            (r#"["C:\windows"]"#, Err("shell")),
            (r#"["a", 1]"#, Err("not strings")),
            (r#"["a", [["b"], {"k": [null]}]]"#, Err("not strings")),
            ("[true, -1.5e+3, {}]", Err("not strings")),
            ("[01]", Err("shell")),
            ("[1.]", Err("shell")),
            ("[{]", Err("shell")),
            ("[\"a\tb\"]", Err("shell")),
            ("[", Err("shell")),
            ("", Err("shell")),
            ("echo", Err("shell")),
        ] {
            let expected = expected.map(|list: Vec<&str>| list.into_iter().map(str::to_owned).collect());
            assert_eq!(read(text), expected, "{text}");
        }
    }

    #[test]
    fn deep_nesting_is_read_without_recursion() {
        let deep = |n: usize| format!("[{}{}]", "[".repeat(n), "]".repeat(n));
        assert_eq!(read(&deep(MAX_DEPTH)), Err("not strings"));
        assert_eq!(read(&deep(MAX_DEPTH + 1)), Err("shell"));
    }

    #[test]
    fn decoded_strings_know_where_each_byte_came_from() {
        let text = r#"["a\nb"]"#;
        let ExecForm::Strings(strings) = parse(&SourceText::contiguous(text, 10), 0..text.len()) else {
            panic!("no array");
        };
        assert_eq!(strings[0].span(), Span::new(11, 17));
        assert_eq!([0, 1, 2].map(|i| strings[0].source_offset(i)), [12, 13, 15]);
    }
}
