//! Escapes of XML, as hadolint writes them.

/// What XML cannot have, even as an escape.
fn is_forbidden(c: char) -> bool {
    matches!(c, '\0'..='\u{8}' | '\u{b}' | '\u{c}' | '\u{e}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}')
}

/// Escapes the value of an attribute.
pub(super) fn attribute(text: &str) -> String {
    escape(text, |c| match c {
        '<' => Some("&lt;"),
        '&' => Some("&amp;"),
        '"' => Some("&quot;"),
        _ => None,
    })
}

/// Escapes text between tags.
pub(super) fn text(text: &str) -> String {
    escape(text, |c| match c {
        '<' => Some("&lt;"),
        '>' => Some("&gt;"),
        '&' => Some("&amp;"),
        _ => None,
    })
}

fn escape(text: &str, escaped: impl Fn(char) -> Option<&'static str>) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match escaped(c) {
            Some(escape) => out.push_str(escape),
            None if is_forbidden(c) => out.push('\u{fffd}'),
            None => out.push(c),
        }
    }
    out
}
