//! Quoting as Go's `%q` does it: texts that other builders print, and that scripts match on, use it.

/// Returns a text in double quotes with Go's escapes.
pub fn go_quoted(text: &str) -> String {
    go_quoted_as(text, '"', false)
}

/// Returns a text in quotes of a kind, with Go's escapes; `ascii` escapes everything else, as `%+q` does.
pub fn go_quoted_as(text: &str, quote: char, ascii: bool) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push(quote);
    for ch in text.chars() {
        match ch {
            '\\' => out.push_str("\\\\"),
            _ if ch == quote => out.extend(['\\', ch]),
            '\x07' => out.push_str("\\a"),
            '\x08' => out.push_str("\\b"),
            '\x0c' => out.push_str("\\f"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\x0b' => out.push_str("\\v"),
            _ if is_printable(ch) && (ch.is_ascii() || !ascii) => out.push(ch),
            _ => {
                let code = u32::from(ch);
                out.push_str(&match code {
                    0..0x80 => format!("\\x{code:02x}"),
                    0x80..0x1_0000 => format!("\\u{code:04x}"),
                    _ => format!("\\U{code:08x}"),
                });
            }
        }
    }
    out.push(quote);
    out
}

/// Tells whether Go shows a character as it is.
pub fn is_printable(ch: char) -> bool {
    if ch.is_ascii() {
        return matches!(ch, ' '..='~');
    }
    // The standard library knows what is printable, except that it escapes a combining character at the
    // start of a text; hence the letter before it.
    let mut buffer = String::from("a");
    buffer.push(ch);
    buffer.escape_debug().count() == 2
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_as_go_does() {
        for (text, quoted) in [
            ("", r#""""#),
            ("a b", r#""a b""#),
            ("a\"\\\n\t", r#""a\"\\\n\t""#),
            ("é日\u{301}", "\"é日\u{301}\""),
            ("\u{1}\u{7f}\u{a0}\u{feff}", r#""\x01\x7f\u00a0\ufeff""#),
            ("\u{10ffff}", r#""\U0010ffff""#),
        ] {
            assert_eq!(go_quoted(text), quoted);
        }
    }
}
