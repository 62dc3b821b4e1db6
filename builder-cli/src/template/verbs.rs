//! One value as a verb of `printf` writes it.

use builder_core::text::go_quoted_as;
use serde_json::Value;

use super::numbers::float;
use super::printf::described;
use super::show::{show, type_name};

/// What stands between `%` and the letter.
#[derive(Clone, Copy, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
pub(super) struct Verb {
    pub(super) left: bool,
    pub(super) zeros: bool,
    pub(super) plus: bool,
    pub(super) space: bool,
    pub(super) sharp: bool,
    pub(super) width: usize,
    pub(super) precision: Option<usize>,
}

impl Verb {
    pub(super) fn write(&self, letter: char, value: Option<&Value>, out: &mut String) {
        match (letter, value) {
            ('T', value) => out.push_str(&self.padded(type_name(value))),
            ('v', Some(_)) if self.sharp => out.push_str(&self.padded(&go_syntax(value))),
            (_, Some(Value::Array(items))) => {
                out.push('[');
                for (at, item) in items.iter().enumerate() {
                    if at > 0 {
                        out.push(' ');
                    }
                    self.write(letter, Some(item), out);
                }
                out.push(']');
            }
            ('v', None | Some(Value::Null | Value::Object(_))) => out.push_str(&self.padded(&show(value))),
            (_, Some(Value::Number(number))) => match number.as_i64() {
                Some(integer) => out.push_str(&self.integer(letter, integer, value)),
                None => out.push_str(&self.float(letter, number.as_f64().unwrap_or_default(), value)),
            },
            (_, Some(Value::String(text))) => out.push_str(&self.text(letter, text, value)),
            ('v' | 't', Some(Value::Bool(yes))) => out.push_str(&self.padded(if *yes { "true" } else { "false" })),
            _ => out.push_str(&bad(letter, value)),
        }
    }

    fn text(&self, letter: char, text: &str, value: Option<&Value>) -> String {
        let cut: String = self.precision.map_or_else(|| text.to_owned(), |most| text.chars().take(most).collect());
        match letter {
            's' | 'v' => self.padded(&cut),
            'q' if self.sharp && !cut.contains('`') && !cut.contains(char::is_control) => {
                self.padded(&format!("`{cut}`"))
            }
            'q' => self.padded(&go_quoted_as(&cut, '"', self.plus)),
            'x' | 'X' => {
                let between = if self.space { " " } else { "" };
                let prefix = if self.sharp { "0x" } else { "" };
                let bytes: Vec<String> = cut.bytes().map(|byte| format!("{byte:02x}")).collect();
                let text = format!("{prefix}{}", bytes.join(between));
                self.padded(&if letter == 'X' { text.to_uppercase() } else { text })
            }
            _ => bad(letter, value),
        }
    }

    fn integer(&self, letter: char, number: i64, value: Option<&Value>) -> String {
        let size = number.unsigned_abs();
        let character = || u32::try_from(number).ok().and_then(char::from_u32).unwrap_or(char::REPLACEMENT_CHARACTER);
        let (prefix, digits) = match letter {
            'd' | 'v' => ("", size.to_string()),
            'b' => ("0b", format!("{size:b}")),
            'o' => ("0", format!("{size:o}")),
            'O' => return self.number(number < 0, "0o", &format!("{size:o}")),
            'x' => ("0x", format!("{size:x}")),
            'X' => ("0X", format!("{size:X}")),
            'c' => return self.padded(&character().to_string()),
            'q' => return self.padded(&go_quoted_as(&character().to_string(), '\'', self.plus)),
            'U' => return self.padded(&format!("U+{size:04X}")),
            _ => return bad(letter, value),
        };
        let wanted = self.precision.unwrap_or(0);
        let digits = format!("{}{digits}", "0".repeat(wanted.saturating_sub(digits.len())));
        self.number(number < 0, if self.sharp { prefix } else { "" }, &digits)
    }

    fn float(&self, letter: char, number: f64, value: Option<&Value>) -> String {
        match float(letter, number.abs(), self.precision) {
            // A precision means something else here than with integers.
            Some(digits) => Self { precision: None, ..*self }.number(number.is_sign_negative(), "", &digits),
            None => bad(letter, value),
        }
    }

    /// Puts sign, zeros and spaces around digits.
    fn number(&self, negative: bool, prefix: &str, digits: &str) -> String {
        let sign = match (negative, self.plus, self.space) {
            (true, ..) => "-",
            (false, true, _) => "+",
            (false, false, true) => " ",
            _ => "",
        };
        let zeros = if self.zeros && !self.left && self.precision.is_none() {
            self.width.saturating_sub(sign.len() + prefix.len() + digits.len())
        } else {
            0
        };
        self.padded(&format!("{sign}{prefix}{}{digits}", "0".repeat(zeros)))
    }

    fn padded(&self, text: &str) -> String {
        let missing = " ".repeat(self.width.saturating_sub(text.chars().count()));
        if self.left { format!("{text}{missing}") } else { format!("{missing}{text}") }
    }
}

/// What stands in place of a value that a verb does not fit.
fn bad(letter: char, value: Option<&Value>) -> String {
    format!("%!{letter}({})", described(value))
}

/// A value as Go's source would have it.
fn go_syntax(value: Option<&Value>) -> String {
    match value {
        None | Some(Value::Null) => "<nil>".to_owned(),
        Some(Value::String(text)) => go_quoted_as(text, '"', false),
        Some(Value::Array(items)) => {
            let items: Vec<String> = items.iter().map(|item| go_syntax(Some(item))).collect();
            format!("{}{{{}}}", type_name(value), items.join(", "))
        }
        Some(Value::Object(map)) => {
            let pairs: Vec<String> = super::structs::visible(map)
                .map(|(key, value)| format!("{}:{}", go_quoted_as(key, '"', false), go_syntax(Some(value))))
                .collect();
            format!("{}{{{}}}", type_name(value), pairs.join(", "))
        }
        other => show(other),
    }
}
