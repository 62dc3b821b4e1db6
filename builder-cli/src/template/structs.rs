//! Objects that stand for Go's structs: they know which fields they have, under Go's names, so that one that is empty
//! has a value and one that no such struct has is a mistake. An object that says nothing is a map.

use serde_json::{Map, Value, json};

use super::render::Found;

/// The key under which an object keeps what it stands for. No document has it.
const TYPE: &str = "\0type";

/// A field of a struct: Go's name, the key of the object, and what it is where the object does not have it.
pub(crate) type StructField = (&'static str, &'static str, Value);

/// Says of an object that it stands for a struct. Other keys that it has are fields as well.
pub(crate) fn mark(object: &mut Value, name: &str, fields: &[StructField]) {
    if let Value::Object(map) = object {
        let fields: Map<String, Value> =
            fields.iter().map(|(name, key, empty)| ((*name).to_owned(), json!([key, empty]))).collect();
        map.insert(TYPE.to_owned(), json!({ "name": name, "fields": fields }));
    }
}

/// Tells whether an object stands for a struct.
pub(super) fn is_struct(map: &Map<String, Value>) -> bool {
    map.contains_key(TYPE)
}

/// What an object has that is for others.
pub(super) fn visible(map: &Map<String, Value>) -> impl Iterator<Item = (&String, &Value)> {
    map.iter().filter(|(key, _)| *key != TYPE)
}

/// A value without what it says of itself.
pub(super) fn plain(value: &Value) -> Value {
    match value {
        Value::Object(map) => Value::Object(visible(map).map(|(key, value)| (key.clone(), plain(value))).collect()),
        Value::Array(items) => items.iter().map(plain).collect(),
        other => other.clone(),
    }
}

/// Looks up a field of a struct or a key of a map.
pub(super) fn field(mut map: Map<String, Value>, name: &str) -> Result<Found, String> {
    let Some(described) = map.remove(TYPE) else { return Ok(map.remove(name)) };
    if let Some([Value::String(key), empty]) = described["fields"][name].as_array().map(Vec::as_slice) {
        return Ok(map.remove(key).or_else(|| Some(empty.clone())));
    }
    if let Some(found) = map.remove(name) {
        return Ok(Some(found));
    }
    let mut known: Vec<&str> = map.keys().map(String::as_str).collect();
    if let Value::Object(fields) = &described["fields"]
        && !fields.is_empty()
    {
        known = fields.keys().map(String::as_str).collect();
    }
    known.sort_unstable();
    let kind = described["name"].as_str().filter(|name| !name.is_empty());
    let kind = kind.map_or(String::new(), |kind| format!(" in type {kind}"));
    Err(format!("can't evaluate field {name}{kind}; there are {}", known.join(", ")))
}
