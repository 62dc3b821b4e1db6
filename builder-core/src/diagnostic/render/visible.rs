//! Characters that a terminal would act upon, made visible.

use std::borrow::Cow;

/// The columns that a tab takes.
const TAB: &str = "    ";

/// Returns what to draw for a character, or `None` where it may be drawn as it is.
pub(super) fn replacement(c: char) -> Option<Cow<'static, str>> {
    Some(match c {
        '\t' => Cow::Borrowed(TAB),
        // U+2400 and on are pictures of the control characters.
        '\0'..='\u{1f}' => Cow::Owned(char::from_u32(0x2400 + u32::from(c)).unwrap_or('\u{fffd}').to_string()),
        '\u{7f}' => Cow::Borrowed("\u{2421}"),
        // Other controls, marks of text direction, and characters without width.
        '\u{80}'..='\u{9f}'
        | '\u{ad}'
        | '\u{61c}'
        | '\u{200b}'..='\u{200f}'
        | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}'
        | '\u{feff}'
        | '\u{fff9}'..='\u{fffb}'
        | '\u{e0000}'..='\u{e007f}' => Cow::Owned(format!("\\u{{{:x}}}", u32::from(c))),
        _ => return None,
    })
}

/// Returns a text with every character replaced that a terminal would act upon.
pub fn visible(text: &str) -> Cow<'_, str> {
    if !text.chars().any(|c| replacement(c).is_some()) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match replacement(c) {
            Some(replaced) => out.push_str(&replaced),
            None => out.push(c),
        }
    }
    Cow::Owned(out)
}
