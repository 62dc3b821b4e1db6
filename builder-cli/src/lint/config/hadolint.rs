//! `.hadolint.yaml`, in all its keys.

use super::value::{Reader, Value};
use super::{Layer, read};
use builder_core::lint::Level;

/// The keys of the file.
const KEYS: [&str; 12] = [
    "ignored",
    "override",
    "trustedRegistries",
    "label-schema",
    "strict-labels",
    "failure-threshold",
    "format",
    "formats",
    "no-fail",
    "no-color",
    "verbose",
    "disable-ignore-pragma",
];
/// The keys of `override`.
const OVERRIDES: [&str; 4] = ["error", "warning", "info", "style"];

/// Reads the settings of a tree.
pub(super) fn layer(reader: &mut Reader, value: &Value) -> Layer {
    let mut layer = Layer::default();
    for (key, value) in reader.table("the file", value) {
        let name = key.value.as_str();
        match name {
            "ignored" => layer.ignore.extend(read::rules(reader, name, value)),
            "override" => overrides(reader, value, &mut layer),
            "trustedRegistries" => layer.trusted_registries.extend(read::registries(reader, name, value)),
            "label-schema" => layer.label_schema.extend(read::label_schema(reader, name, value)),
            "strict-labels" => layer.strict_labels = reader.flag(name, value),
            "failure-threshold" => layer.threshold = read::threshold(reader, name, value),
            "format" | "formats" => layer.formats.extend(read::formats(reader, name, value)),
            "no-fail" => layer.no_fail = reader.flag(name, value),
            "no-color" => layer.no_color = reader.flag(name, value),
            "verbose" => layer.verbose = reader.flag(name, value),
            "disable-ignore-pragma" => layer.disable_pragmas = reader.flag(name, value),
            _ => reader.ignored_key(key, &KEYS),
        }
    }
    layer
}

fn overrides(reader: &mut Reader, value: &Value, layer: &mut Layer) {
    for (key, value) in reader.table("override", value) {
        match Level::parse(&key.value) {
            Some(level) => {
                let rules = read::rules(reader, &key.value, value);
                layer.levels.extend(rules.into_iter().map(|rule| (rule, level)));
            }
            None => reader.ignored_key(key, &OVERRIDES),
        }
    }
    // A rule that has several levels has the gravest one, as with hadolint.
    layer.levels.sort_by_key(|(_, level)| *level);
}
