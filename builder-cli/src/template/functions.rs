//! The functions: those that Go has, and those that docker adds.

use builder_core::text::is_printable;
use serde_json::Value;

use super::printf::printf;
use super::render::{Found, is_true};
use super::show::{show, type_name};
use super::structs::{is_struct, plain, visible};

/// Their names.
const NAMES: [&str; 29] = [
    "and",
    "or",
    "not",
    "eq",
    "ne",
    "lt",
    "le",
    "gt",
    "ge",
    "index",
    "slice",
    "len",
    "print",
    "println",
    "printf",
    "urlquery",
    "html",
    "js",
    "call",
    "json",
    "jsonpretty",
    "join",
    "split",
    "lower",
    "upper",
    "title",
    "pad",
    "truncate",
    "contains",
];

/// The most spaces that `pad` adds.
const MAX_PAD: u64 = 10_000;

pub(super) fn is_known(name: &str) -> bool {
    NAMES.contains(&name)
}

/// Calls a function.
pub(super) fn call(name: &str, arguments: &[Found]) -> Result<Found, String> {
    Ok(Some(match (name, arguments) {
        // The first that decides was seen by who called.
        ("and" | "or", [.., last]) => return Ok(last.clone()),
        ("not", [value]) => (!is_true(value)).into(),
        ("eq", [first, rest @ ..]) if !rest.is_empty() => {
            let mut found = false;
            for other in rest {
                found = found || equal(first, other)?;
            }
            found.into()
        }
        ("ne", [a, b]) => (!equal(a, b)?).into(),
        ("lt", [a, b]) => compare(a, b)?.is_lt().into(),
        ("le", [a, b]) => compare(a, b)?.is_le().into(),
        ("gt", [a, b]) => compare(a, b)?.is_gt().into(),
        ("ge", [a, b]) => compare(a, b)?.is_ge().into(),
        ("index", [value, keys @ ..]) => return index(value.clone(), keys),
        ("slice", [value, bounds @ ..]) => slice(value.as_ref(), bounds)?,
        ("len", [value]) => length(value.as_ref())?.into(),
        ("print", values) => print(values).into(),
        ("println", values) => {
            let shown: Vec<String> = values.iter().map(|value| show(value.as_ref())).collect();
            format!("{}\n", shown.join(" ")).into()
        }
        ("printf", [format, values @ ..]) => printf(text(format)?, values)?.into(),
        ("html", values) => html(&print(values)).into(),
        ("js", values) => js(&print(values)).into(),
        ("call", [value, ..]) => return Err(format!("non-function of type {}", type_name(value.as_ref()))),
        ("urlquery", values) => url_query(&print(values)).into(),
        ("json", [value]) => json(value, false)?.into(),
        ("jsonpretty", [value]) => json(value, true)?.into(),
        ("join", [Some(Value::Array(items)), separator]) => {
            let shown: Vec<String> = items.iter().map(|item| show(Some(item))).collect();
            shown.join(text(separator)?).into()
        }
        ("join", [Some(Value::Null), _]) => "".into(),
        ("split", [value, separator]) => text(value)?.split(text(separator)?).map(Value::from).collect(),
        ("contains", [value, part]) => text(value)?.contains(text(part)?).into(),
        ("lower", [value]) => text(value)?.to_lowercase().into(),
        ("upper", [value]) => text(value)?.to_uppercase().into(),
        ("title", [value]) => title(text(value)?).into(),
        ("pad", [value, before, after]) => {
            let spaces = |count: &Found| -> Result<String, String> {
                let count = number(count)?;
                if count > MAX_PAD {
                    Err(format!("{count} spaces are too many"))
                } else {
                    Ok(" ".repeat(usize::try_from(count).unwrap_or(0)))
                }
            };
            let value = text(value)?;
            // As docker's, which leaves what is empty alone.
            if value.is_empty() { "".into() } else { format!("{}{value}{}", spaces(before)?, spaces(after)?).into() }
        }
        ("truncate", [value, most]) => {
            let most = usize::try_from(number(most)?).unwrap_or(usize::MAX);
            text(value)?.chars().take(most).collect::<String>().into()
        }
        (_, arguments) => {
            let shown: Vec<String> = arguments.iter().map(|value| show(value.as_ref())).collect();
            return Err(format!("it does not take ({})", shown.join(", ")));
        }
    }))
}

fn text(value: &Found) -> Result<&str, String> {
    value.as_ref().and_then(Value::as_str).ok_or_else(|| format!("{} is no text", show(value.as_ref())))
}

fn number(value: &Found) -> Result<u64, String> {
    value.as_ref().and_then(Value::as_u64).ok_or_else(|| format!("{} is no number", show(value.as_ref())))
}

/// As `fmt.Sprint`: a space between two values of which neither is a text.
fn print(values: &[Found]) -> String {
    let is_text = |value: &Found| matches!(value, Some(Value::String(_)));
    let mut out = String::new();
    for (at, value) in values.iter().enumerate() {
        if at > 0 && !is_text(value) && !is_text(&values[at - 1]) {
            out.push(' ');
        }
        out.push_str(&show(value.as_ref()));
    }
    out
}

fn json(value: &Found, pretty: bool) -> Result<String, String> {
    let value = plain(value.as_ref().unwrap_or(&Value::Null));
    let text = if pretty { serde_json::to_string_pretty(&value) } else { serde_json::to_string(&value) };
    text.map_err(|error| error.to_string())
}

/// As in Go, where a number is no text and one with a point no other one.
fn equal(a: &Found, b: &Found) -> Result<bool, String> {
    let incompatible = || "incompatible types for comparison".to_owned();
    match (a.as_ref().unwrap_or(&Value::Null), b.as_ref().unwrap_or(&Value::Null)) {
        (Value::Array(_) | Value::Object(_), _) => {
            Err(format!("non-comparable type {}: {}", show(a.as_ref()), type_name(a.as_ref())))
        }
        (_, Value::Array(_) | Value::Object(_)) => {
            Err(format!("non-comparable type {}: {}", show(b.as_ref()), type_name(b.as_ref())))
        }
        (Value::Null, other) | (other, Value::Null) => Ok(other.is_null()),
        (Value::Number(a), Value::Number(b)) if a.is_f64() == b.is_f64() => Ok(a.as_f64() == b.as_f64()),
        (Value::String(a), Value::String(b)) => Ok(a == b),
        (Value::Bool(a), Value::Bool(b)) => Ok(a == b),
        _ => Err(incompatible()),
    }
}

fn compare(a: &Found, b: &Found) -> Result<std::cmp::Ordering, String> {
    match (a, b) {
        (Some(Value::String(a)), Some(Value::String(b))) => Ok(a.cmp(b)),
        (Some(Value::Number(a)), Some(Value::Number(b))) if a.is_f64() == b.is_f64() => {
            let order = match (a.as_i64(), b.as_i64()) {
                (Some(a), Some(b)) => Some(a.cmp(&b)),
                _ => a.as_f64().partial_cmp(&b.as_f64()),
            };
            order.ok_or_else(|| "the numbers have no order".to_owned())
        }
        (Some(Value::Bool(_)), Some(Value::Bool(_))) => Err("invalid type for comparison".to_owned()),
        _ => Err("incompatible types for comparison".to_owned()),
    }
}

fn index(value: Found, keys: &[Found]) -> Result<Found, String> {
    let mut value = value;
    for key in keys {
        value = match (value, key) {
            (Some(Value::Array(mut items)), key) => {
                let at = usize::try_from(number(key)?).unwrap_or(usize::MAX);
                if at >= items.len() {
                    return Err(format!("index out of range: {at}"));
                }
                Some(items.swap_remove(at))
            }
            // A map without the key has the empty value of what it maps to, which is a text here.
            (Some(Value::Object(mut map)), Some(Value::String(key))) if !is_struct(&map) => {
                map.remove(key).or_else(|| Some("".into()))
            }
            (Some(Value::Null) | None, _) => return Err("index of untyped nil".to_owned()),
            (Some(Value::String(text)), key) => {
                let at = usize::try_from(number(key)?).unwrap_or(usize::MAX);
                let byte = text.as_bytes().get(at).ok_or_else(|| format!("index out of range: {at}"))?;
                Some((*byte).into())
            }
            (Some(other), _) => return Err(format!("can't index {}", show(Some(&other)))),
        };
    }
    Ok(value)
}

fn slice(value: Option<&Value>, bounds: &[Found]) -> Result<Value, String> {
    let length = length(value)?;
    let bound = |at: usize, usual: usize| match bounds.get(at) {
        None => Ok(usual),
        Some(bound) => Ok::<_, String>(usize::try_from(number(bound)?).unwrap_or(usize::MAX)),
    };
    let (from, to) = (bound(0, 0)?, bound(1, length)?);
    let most = bound(2, length)?;
    if from > to || to > most || most > length || bounds.len() > 3 {
        return Err(format!("bounds {from}:{to} are out of range"));
    }
    if bounds.len() == 3 && matches!(value, Some(Value::String(_))) {
        return Err("cannot 3-index slice a string".to_owned());
    }
    match value {
        Some(Value::Array(items)) => Ok(items[from..to].to_vec().into()),
        Some(Value::String(text)) => {
            text.get(from..to).map(Value::from).ok_or_else(|| "bounds within a character".to_owned())
        }
        other => Err(format!("can't slice {}", show(other))),
    }
}

fn length(value: Option<&Value>) -> Result<usize, String> {
    match value {
        Some(Value::Array(items)) => Ok(items.len()),
        Some(Value::Object(map)) if !is_struct(map) => Ok(visible(map).count()),
        Some(Value::String(text)) => Ok(text.len()),
        Some(Value::Null) => Ok(0),
        other => Err(format!("len of type {}", type_name(other))),
    }
}

fn title(text: &str) -> String {
    let mut out = String::new();
    let mut begins = true;
    for c in text.chars() {
        if begins {
            out.extend(c.to_uppercase());
        } else {
            out.push(c);
        }
        begins = !(c.is_alphanumeric() || matches!(c, '_' | '\''));
    }
    out
}

fn url_query(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        match byte {
            b' ' => out.push('+'),
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => out.push(char::from(byte)),
            other => out.push_str(&format!("%{other:02X}")),
        }
    }
    out
}

fn html(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        match c {
            '\0' => out.push('\u{fffd}'),
            '"' => out.push_str("&#34;"),
            '\'' => out.push_str("&#39;"),
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            c => out.push(c),
        }
    }
    out
}

fn js(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        match c {
            '\\' | '\'' | '"' => {
                out.push('\\');
                out.push(c);
            }
            '<' | '>' | '&' | '=' | '\0'..='\x1f' => out.push_str(&format!("\\u{:04X}", u32::from(c))),
            c if c.is_ascii() || is_printable(c) => out.push(c),
            c => out.push_str(&format!("\\u{:04X}", u32::from(c))),
        }
    }
    out
}
