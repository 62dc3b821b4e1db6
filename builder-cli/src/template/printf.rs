//! `printf` with the verbs that fit values of JSON.

use serde_json::Value;

use super::show::show;

/// The widest that a value is made.
const MAX_WIDTH: usize = 10_000;

#[derive(Default)]
struct Verb {
    left: bool,
    zeros: bool,
    sign: bool,
    width: usize,
    precision: Option<usize>,
}

/// Formats as Go's `fmt.Sprintf`.
pub(super) fn printf(format: &str, arguments: &[Option<Value>]) -> Result<String, String> {
    let mut out = String::new();
    let mut chars = format.chars().peekable();
    let mut arguments = arguments.iter();
    while let Some(c) = chars.next() {
        if c != '%' {
            out.push(c);
            continue;
        }
        let mut verb = Verb::default();
        while let Some(flag) = chars.next_if(|c| matches!(c, '-' | '+' | '0' | ' ' | '#')) {
            match flag {
                '-' => verb.left = true,
                '0' => verb.zeros = true,
                '+' => verb.sign = true,
                _ => {}
            }
        }
        verb.width = digits(&mut chars)?.unwrap_or(0);
        if chars.next_if_eq(&'.').is_some() {
            verb.precision = Some(digits(&mut chars)?.unwrap_or(0));
        }
        match chars.next() {
            Some('%') => out.push('%'),
            None => out.push_str("%!(NOVERB)"),
            Some(letter) => match arguments.next() {
                None => out.push_str(&format!("%!{letter}(MISSING)")),
                Some(value) => out.push_str(&verb.apply(letter, value.as_ref())),
            },
        }
    }
    let rest: Vec<String> = arguments.map(|value| show(value.as_ref())).collect();
    if !rest.is_empty() {
        out.push_str(&format!("%!(EXTRA {})", rest.join(", ")));
    }
    Ok(out)
}

fn digits(chars: &mut std::iter::Peekable<std::str::Chars<'_>>) -> Result<Option<usize>, String> {
    let mut text = String::new();
    while let Some(digit) = chars.next_if(char::is_ascii_digit) {
        text.push(digit);
    }
    if text.is_empty() {
        return Ok(None);
    }
    text.parse().ok().filter(|width| *width <= MAX_WIDTH).map(Some).ok_or_else(|| format!("width {text} is too large"))
}

fn hex(text: &str) -> String {
    text.bytes().fold(String::new(), |hex, byte| format!("{hex}{byte:02x}"))
}

impl Verb {
    fn apply(&self, letter: char, value: Option<&Value>) -> String {
        let integer = value.and_then(Value::as_i64);
        let bad = || format!("%!{letter}({})", show(value));
        let text = match letter {
            'v' => show(value),
            's' => match value {
                Some(Value::Number(_) | Value::Bool(_)) => return bad(),
                _ => self.cut(&show(value)),
            },
            'q' => match value {
                Some(Value::String(text)) => format!("{text:?}"),
                _ => return bad(),
            },
            'd' => match integer {
                Some(number) if self.sign => format!("{number:+}"),
                Some(number) => number.to_string(),
                None => return bad(),
            },
            'x' | 'X' => {
                let text = match (integer, value) {
                    (Some(number), _) => format!("{number:x}"),
                    (None, Some(Value::String(text))) => hex(text),
                    _ => return bad(),
                };
                if letter == 'X' { text.to_uppercase() } else { text }
            }
            't' => match value {
                Some(Value::Bool(value)) => value.to_string(),
                _ => return bad(),
            },
            'f' => match value.and_then(Value::as_f64) {
                Some(number) => format!("{number:.*}", self.precision.unwrap_or(6)),
                None => return bad(),
            },
            'c' => match integer.and_then(|code| u32::try_from(code).ok()).and_then(char::from_u32) {
                Some(c) => c.to_string(),
                None => return bad(),
            },
            _ => return bad(),
        };
        self.pad(text, matches!(letter, 'd' | 'f' | 'x' | 'X'))
    }

    fn cut(&self, text: &str) -> String {
        self.precision.map_or_else(|| text.to_owned(), |most| text.chars().take(most).collect())
    }

    fn pad(&self, text: String, is_number: bool) -> String {
        let missing = self.width.saturating_sub(text.chars().count());
        if self.left {
            return text + &" ".repeat(missing);
        }
        if self.zeros && is_number {
            let (sign, digits) = text.split_at(usize::from(text.starts_with(['-', '+'])));
            return format!("{sign}{}{digits}", "0".repeat(missing));
        }
        " ".repeat(missing) + &text
    }
}
