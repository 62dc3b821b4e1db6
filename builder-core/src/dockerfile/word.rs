//! Splitting of operands into words. Words are ranges of the joined line, so their places are never lost.

use std::ops::Range;

use super::ast::EscapeCharacter;

/// Tells whether a character separates the words of an instruction.
pub(super) fn is_separator(c: char) -> bool {
    matches!(c, '\t' | '\u{b}' | '\u{c}' | '\r' | ' ')
}

/// Returns a range without the white space at both of its ends.
pub(super) fn trim(text: &str, range: Range<usize>) -> Range<usize> {
    let Some(part) = text.get(range.clone()) else { return range };
    let start = range.start + part.len() - part.trim_start().len();
    let end = range.start + part.trim_end().len();
    start..end.max(start)
}

/// Splits at separators; quotes and escapes mean nothing.
pub(super) fn split(text: &str, range: Range<usize>) -> Vec<Range<usize>> {
    let Some(part) = text.get(range.clone()) else { return Vec::new() };
    let mut words = Vec::new();
    let mut start = None;
    for (at, c) in part.char_indices() {
        match (is_separator(c), start) {
            (true, Some(from)) => {
                words.push(range.start + from..range.start + at);
                start = None;
            }
            (false, None) => start = Some(at),
            _ => {}
        }
    }
    words.extend(start.map(|from| range.start + from..range.end));
    words
}

/// Splits at white space outside of quotes; quotes and escapes stay in the words. Single quotes hold nothing
/// that is escaped. An escape character at the very end is dropped.
pub(super) fn split_quoted(text: &str, range: Range<usize>, escape: EscapeCharacter) -> Vec<Range<usize>> {
    let Some(part) = text.get(range.clone()) else { return Vec::new() };
    let mut words = Vec::new();
    let mut start: Option<usize> = None;
    let mut quote: Option<char> = None;
    let mut end = range.end;
    let mut chars = part.char_indices();
    while let Some((at, c)) = chars.next() {
        let at = range.start + at;
        if start.is_none() && c.is_whitespace() {
            continue;
        }
        let from = *start.get_or_insert(at);
        if c == escape.as_char() && quote != Some('\'') {
            if chars.next().is_none() {
                end = at;
            }
        } else if let Some(open) = quote {
            if c == open {
                quote = None;
            }
        } else if c.is_whitespace() {
            words.push(from..at);
            start = None;
        } else if c == '\'' || c == '"' {
            quote = Some(c);
        }
    }
    words.extend(start.filter(|from| *from < end).map(|from| from..end));
    words
}

/// Tells whether a text uses a variable. A `$` at the very end is tolerated.
pub(super) fn has_variable(text: &str) -> bool {
    text.char_indices().any(|(at, c)| c == '$' && at + 1 < text.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(text: &str, ranges: Vec<Range<usize>>) -> Vec<String> {
        ranges.into_iter().map(|r| text[r].to_owned()).collect()
    }

    #[test]
    fn plain_words_split_at_blanks_alone() {
        let text = "  a 'b c'\t\td ";
        assert_eq!(texts(text, split(text, 0..text.len())), ["a", "'b", "c'", "d"]);
        assert!(split("   ", 0..3).is_empty());
    }

    #[test]
    fn quoted_words_keep_quotes_and_escapes() {
        for (text, expected) in [
            ("a=b c=\"d e\" f", vec!["a=b", "c=\"d e\"", "f"]),
            ("a=b\\ c d", vec!["a=b\\ c", "d"]),
            ("'it''s x' y", vec!["'it''s x'", "y"]),
            ("'a\\' b'", vec!["'a\\'", "b'"]),
            ("\"a\\\" b\" c", vec!["\"a\\\" b\"", "c"]),
            ("\"open a b", vec!["\"open a b"]),
            ("end\\", vec!["end"]),
            ("a \\", vec!["a"]),
            ("a=\"\"", vec!["a=\"\""]),
            ("", vec![]),
        ] {
            assert_eq!(texts(text, split_quoted(text, 0..text.len(), EscapeCharacter::Backslash)), expected, "{text}");
        }
        let windows = "a=C:\\ b=` c";
        assert_eq!(
            texts(windows, split_quoted(windows, 0..windows.len(), EscapeCharacter::Backtick)),
            ["a=C:\\", "b=` c"]
        );
    }
}
