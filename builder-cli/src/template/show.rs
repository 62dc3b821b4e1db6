//! Values as Go prints them.

use serde_json::Value;

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
            let mut pairs: Vec<(&String, &Value)> = map.iter().collect();
            pairs.sort_by_key(|(key, _)| *key);
            // Go prints the empty struct of a set as `{}`.
            let shown = |value: &Value| match value {
                Value::Object(map) if map.is_empty() => "{}".to_owned(),
                value => show(Some(value)),
            };
            let pairs: Vec<String> = pairs.into_iter().map(|(key, value)| format!("{key}:{}", shown(value))).collect();
            format!("map[{}]", pairs.join(" "))
        }
        Some(other) => other.to_string(),
    }
}
