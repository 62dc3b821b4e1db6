//! Values as Go prints them.

use serde_json::Value;

use super::numbers::float;
use super::structs::visible;

/// The name of a value's type in Go. JSON does not tell of what size a number is.
pub(super) fn type_name(value: Option<&Value>) -> &str {
    match value {
        None | Some(Value::Null) => "<nil>",
        Some(Value::Bool(_)) => "bool",
        Some(Value::Number(number)) if number.is_f64() => "float64",
        Some(Value::Number(_)) => "int",
        Some(Value::String(_)) => "string",
        Some(Value::Array(items)) if items.iter().all(Value::is_string) => "[]string",
        Some(Value::Array(_)) => "[]interface {}",
        Some(Value::Object(map)) if visible(map).all(|(_, value)| value.is_string()) => "map[string]string",
        Some(Value::Object(_)) => "map[string]interface {}",
    }
}

/// Writes a value as `fmt.Print` does: `[a b]`, `map[k:v]`, `<nil>`.
pub(super) fn show(value: Option<&Value>) -> String {
    match value {
        None => "<no value>".to_owned(),
        Some(Value::Null) => "<nil>".to_owned(),
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(items)) => {
            let shown: Vec<String> = items.iter().map(|item| show(Some(item))).collect();
            format!("[{}]", shown.join(" "))
        }
        Some(Value::Object(map)) => {
            let mut pairs: Vec<(&String, &Value)> = visible(map).collect();
            pairs.sort_by_key(|(key, _)| *key);
            // Go prints the empty struct of a set as `{}`.
            let shown = |value: &Value| match value {
                Value::Object(map) if map.is_empty() => "{}".to_owned(),
                value => show(Some(value)),
            };
            let pairs: Vec<String> = pairs.into_iter().map(|(key, value)| format!("{key}:{}", shown(value))).collect();
            format!("map[{}]", pairs.join(" "))
        }
        Some(Value::Number(number)) if number.is_f64() => {
            let number = number.as_f64().unwrap_or_default();
            let sign = if number.is_sign_negative() { "-" } else { "" };
            float('v', number.abs(), None).map_or_else(String::new, |digits| format!("{sign}{digits}"))
        }
        Some(other) => other.to_string(),
    }
}
