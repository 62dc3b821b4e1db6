//! What rules ask of a word.

use std::borrow::Cow;

use super::ast::{Assignment, PartKind, Word, WordPart};
use crate::text::{Span, Spanned};

impl Word {
    /// Returns the word as it stands in the text that was parsed.
    pub fn text<'s>(&self, source: &'s str) -> &'s str {
        source.get(self.span.range()).unwrap_or("")
    }

    /// Returns the word's value where it does not depend on anything: no expansion, pattern, brace or tilde in
    /// it. Quotes and escapes are removed.
    pub fn literal(&self) -> Option<Cow<'_, str>> {
        literal(&self.parts)
    }

    /// Returns the word with quotes and escapes removed, and everything that is expanded as it was written.
    pub fn unquoted<'w>(&'w self, source: &str) -> Cow<'w, str> {
        if let Some(literal) = self.literal() {
            return literal;
        }
        let mut text = String::new();
        push_unquoted(&self.parts, source, &mut text);
        Cow::Owned(text)
    }

    /// Tells whether all of the word is in quotes.
    pub fn is_quoted(&self) -> bool {
        !self.parts.is_empty() && self.parts.iter().all(WordPart::is_quoting)
    }

    /// Tells whether something in the word is known only when it runs: a parameter, a command, arithmetic.
    pub fn has_expansion(&self) -> bool {
        has_expansion(&self.parts)
    }

    /// Tells whether file names may be looked up for it.
    pub fn has_glob(&self) -> bool {
        self.parts.iter().any(|part| matches!(part.kind, PartKind::Glob(_) | PartKind::ExtendedGlob { .. }))
    }

    /// Returns the parameter or command that the word is, quoted or not, and nothing else.
    pub fn only_part(&self) -> Option<&WordPart> {
        match self.parts.as_slice() {
            [WordPart { kind: PartKind::DoubleQuoted { parts, .. }, .. }] => match parts.as_slice() {
                [part] => Some(part),
                _ => None,
            },
            [part] => Some(part),
            _ => None,
        }
    }

    /// Reads an argument as an assignment, as `export`, `local`, `env` and `dd` do.
    pub fn as_assignment(&self) -> Option<Assignment> {
        let first = self.parts.first()?;
        let PartKind::Literal(text) = &first.kind else { return None };
        let name = name_prefix(text)?;
        let rest = &text[name.len()..];
        // The parser gives everything up to the `=` parts of its own.
        let (last, append) = if rest == "=" || rest == "+=" {
            (0, rest == "+=")
        } else if rest.starts_with('[') {
            self.parts.iter().enumerate().find_map(|(at, part)| match &part.kind {
                PartKind::Literal(text) if text.ends_with("]=") => Some((at, false)),
                PartKind::Literal(text) if text.ends_with("]+=") => Some((at, true)),
                _ => None,
            })?
        } else {
            return None;
        };
        let before = self.parts.get(..=last)?;
        let name_span = Span::new(first.span.start, first.span.start + length(name));
        let end = before.last()?.span.end;
        let index = rest.starts_with('[').then(|| inside(before, length(name) + 1, if append { 3 } else { 2 }));
        let parts = self.parts.get(last + 1..)?.to_vec();
        let start = parts.first().map_or(end, |part| part.span.start);
        let value = Word { span: Span::new(start, self.span.end), parts };
        Some(Assignment { span: self.span, name: Spanned::new(name.to_owned(), name_span), index, append, value })
    }
}

impl WordPart {
    /// Tells whether it is one of the quotings, an escaped character included.
    pub fn is_quoting(&self) -> bool {
        matches!(
            self.kind,
            PartKind::SingleQuoted(_) | PartKind::DoubleQuoted { .. } | PartKind::AnsiQuoted(_) | PartKind::Escaped(_)
        )
    }

    /// Returns the part as it stands in the text that was parsed.
    pub fn text<'s>(&self, source: &'s str) -> &'s str {
        source.get(self.span.range()).unwrap_or("")
    }
}

fn length(text: &str) -> u32 {
    u32::try_from(text.len()).unwrap_or(u32::MAX)
}

/// Returns the name that a text begins with.
fn name_prefix(text: &str) -> Option<&str> {
    let end = text.find(|c: char| c != '_' && !c.is_ascii_alphanumeric()).unwrap_or(text.len());
    text.get(..end).filter(|name| name.starts_with(|c: char| c == '_' || c.is_ascii_alphabetic()))
}

/// Returns parts without bytes at both ends, which are in literals.
fn inside(parts: &[WordPart], front: u32, back: u32) -> Word {
    let mut parts = parts.to_vec();
    if let Some(WordPart { span, kind: PartKind::Literal(text) }) = parts.last_mut() {
        text.truncate(text.len().saturating_sub(back as usize));
        span.end = span.end.saturating_sub(back).max(span.start);
    }
    if let Some(WordPart { span, kind: PartKind::Literal(text) }) = parts.first_mut() {
        *text = text.get(front as usize..).unwrap_or("").to_owned();
        span.start = (span.start + front).min(span.end);
    }
    let start = parts.first().map_or(0, |part| part.span.start);
    let end = parts.last().map_or(start, |part| part.span.end);
    parts.retain(|part| !matches!(&part.kind, PartKind::Literal(text) if text.is_empty()));
    Word { span: Span::new(start, end), parts }
}

fn literal(parts: &[WordPart]) -> Option<Cow<'_, str>> {
    if let [part] = parts {
        return match &part.kind {
            PartKind::Literal(text) | PartKind::SingleQuoted(text) => Some(Cow::Borrowed(text)),
            PartKind::DoubleQuoted { parts, .. } => literal(parts),
            PartKind::Escaped(c) => Some(Cow::Owned(c.to_string())),
            PartKind::AnsiQuoted(text) => Some(Cow::Owned(ansi_decoded(text))),
            _ => None,
        };
    }
    let mut whole = String::new();
    for part in parts {
        whole.push_str(&literal(std::slice::from_ref(part))?);
    }
    Some(Cow::Owned(whole))
}

fn push_unquoted(parts: &[WordPart], source: &str, text: &mut String) {
    for part in parts {
        match &part.kind {
            PartKind::DoubleQuoted { parts, .. } => push_unquoted(parts, source, text),
            _ => match literal(std::slice::from_ref(part)) {
                Some(value) => text.push_str(&value),
                None => text.push_str(part.text(source)),
            },
        }
    }
}

fn has_expansion(parts: &[WordPart]) -> bool {
    parts.iter().any(|part| match &part.kind {
        PartKind::DoubleQuoted { parts, .. } | PartKind::ExtendedGlob { parts, .. } | PartKind::Braces(parts) => {
            has_expansion(parts)
        }
        PartKind::Array(words) => words.iter().any(Word::has_expansion),
        PartKind::Parameter(_)
        | PartKind::CommandSubstitution { .. }
        | PartKind::Arithmetic { .. }
        | PartKind::ProcessSubstitution { .. } => true,
        _ => false,
    })
}

/// Returns what the text between `$'` and `'` stands for. Bytes that are not text become U+FFFD.
fn ansi_decoded(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    let push = |out: &mut Vec<u8>, c: char| out.extend(c.encode_utf8(&mut [0; 4]).as_bytes());
    while let Some(c) = chars.next() {
        if c != '\\' {
            push(&mut out, c);
            continue;
        }
        let Some(escape) = chars.next() else {
            out.push(b'\\');
            break;
        };
        let mut digits = |radix: u32, limit: usize, mut value: u32| {
            let mut count = 0;
            while let Some(digit) = chars.peek().and_then(|c| c.to_digit(radix)).filter(|_| count < limit) {
                value = value.wrapping_mul(radix).wrapping_add(digit);
                count += 1;
                chars.next();
            }
            (value, count)
        };
        match escape {
            'a' => out.push(7),
            'b' => out.push(8),
            'e' | 'E' => out.push(27),
            'f' => out.push(12),
            'n' => out.push(b'\n'),
            'r' => out.push(b'\r'),
            't' => out.push(b'\t'),
            'v' => out.push(11),
            '0'..='7' => out.push((digits(8, 2, escape.to_digit(8).unwrap_or(0)).0 & 0xff) as u8),
            'x' => match digits(16, 2, 0) {
                (_, 0) => out.extend(b"\\x"),
                (value, _) => out.push((value & 0xff) as u8),
            },
            'u' | 'U' => {
                let (value, _) = digits(16, if escape == 'u' { 4 } else { 8 }, 0);
                push(&mut out, char::from_u32(value).unwrap_or(char::REPLACEMENT_CHARACTER));
            }
            'c' => {
                if let Some(c) = chars.next() {
                    out.push((u32::from(c) & 0x1f) as u8);
                }
            }
            '\\' | '\'' | '"' | '?' => push(&mut out, escape),
            _ => {
                out.push(b'\\');
                push(&mut out, escape);
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}
