//! `printf` with the verbs that fit values of JSON.
//!
//! Spec: <https://pkg.go.dev/fmt>.

use serde_json::Value;

use super::show::{show, type_name};
use super::verbs::Verb;

/// The widest that a value is made.
const MAX_WIDTH: usize = 10_000;

/// Formats as Go's `fmt.Sprintf`.
pub(super) fn printf(format: &str, arguments: &[Option<Value>]) -> Result<String, String> {
    let mut formatter = Formatter { arguments, next: 0, reordered: false };
    let mut out = String::new();
    let mut rest = format;
    while let Some(at) = rest.find('%') {
        out.push_str(&rest[..at]);
        rest = formatter.verb(&rest[at + 1..], &mut out)?;
    }
    out.push_str(rest);
    let extra = formatter.arguments.get(formatter.next..).unwrap_or_default();
    if !extra.is_empty() && !formatter.reordered {
        let shown: Vec<String> = extra.iter().map(|value| described(value.as_ref())).collect();
        out.push_str(&format!("%!(EXTRA {})", shown.join(", ")));
    }
    Ok(out)
}

/// A value with its type, as it stands where a verb does not fit it.
pub(super) fn described(value: Option<&Value>) -> String {
    match value {
        None | Some(Value::Null) => "<nil>".to_owned(),
        Some(value) => format!("{}={}", type_name(Some(value)), show(Some(value))),
    }
}

struct Formatter<'f> {
    arguments: &'f [Option<Value>],
    next: usize,
    /// Whether an argument was named by its number: then it is no mistake where others are not used.
    reordered: bool,
}

impl Formatter<'_> {
    /// Formats one value; returns what follows its verb.
    fn verb<'t>(&mut self, text: &'t str, out: &mut String) -> Result<&'t str, String> {
        let mut verb = Verb::default();
        let mut rest = text;
        loop {
            match rest.as_bytes().first() {
                Some(b'-') => verb.left = true,
                Some(b'0') => verb.zeros = true,
                Some(b'+') => verb.plus = true,
                Some(b' ') => verb.space = true,
                Some(b'#') => verb.sharp = true,
                _ => break,
            }
            rest = &rest[1..];
        }
        rest = self.argument_number(rest);
        let (width, after) = self.size(rest)?;
        if width.is_some_and(|width| width < 0) {
            verb.left = true;
        }
        verb.width = width.map_or(0, |width| usize::try_from(width.unsigned_abs()).unwrap_or(0));
        rest = after;
        if let Some(after) = rest.strip_prefix('.') {
            let after = self.argument_number(after);
            let (precision, after) = self.size(after)?;
            verb.precision = Some(precision.map_or(0, |size| usize::try_from(size).unwrap_or(0)));
            rest = after;
        }
        rest = self.argument_number(rest);
        let Some(letter) = rest.chars().next() else {
            out.push_str("%!(NOVERB)");
            return Ok(rest);
        };
        rest = &rest[letter.len_utf8()..];
        if letter == '%' {
            out.push('%');
        } else if let Some(value) = self.take() {
            verb.write(letter, value.as_ref(), out);
        } else {
            out.push_str(&format!("%!{letter}(MISSING)"));
        }
        Ok(rest)
    }

    fn take(&mut self) -> Option<&Option<Value>> {
        let value = self.arguments.get(self.next)?;
        self.next += 1;
        Some(value)
    }

    /// Reads `[2]`: which argument is next.
    fn argument_number<'t>(&mut self, text: &'t str) -> &'t str {
        let Some((number, after)) = text.strip_prefix('[').and_then(|inside| inside.split_once(']')) else {
            return text;
        };
        self.reordered = true;
        // A number that none has finds nothing.
        self.next = number.parse::<usize>().ok().and_then(|number| number.checked_sub(1)).unwrap_or(usize::MAX - 1);
        after
    }

    /// Reads a width or a precision: digits, or `*` for the next argument.
    fn size<'t>(&mut self, text: &'t str) -> Result<(Option<i64>, &'t str), String> {
        if let Some(after) = text.strip_prefix('*') {
            let size = self.take().and_then(|value| value.as_ref()?.as_i64());
            return checked(size.unwrap_or(0)).map(|size| (Some(size), after));
        }
        let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        if end == 0 {
            return Ok((None, text));
        }
        let size = text[..end].parse().map_err(|_| format!("width {} is too large", &text[..end]))?;
        Ok((Some(checked(size)?), &text[end..]))
    }
}

fn checked(size: i64) -> Result<i64, String> {
    let within = usize::try_from(size.unsigned_abs()).is_ok_and(|size| size <= MAX_WIDTH);
    if within { Ok(size) } else { Err(format!("width {size} is too large")) }
}
