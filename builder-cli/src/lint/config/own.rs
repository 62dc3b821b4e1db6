//! `builder.toml`: the table `[lint]`.

use super::value::{Reader, Value};
use super::{Layer, read};
use builder_core::lint::Level;

/// The keys of `[lint]`.
const KEYS: [&str; 11] = [
    "select",
    "extend-select",
    "ignore",
    "per-file-ignores",
    "preview",
    "severity",
    "trusted-registries",
    "strict-labels",
    "failure-threshold",
    "format",
    "label-schema",
];

/// Reads the settings of a tree.
pub(super) fn layer(reader: &mut Reader, value: &Value) -> Layer {
    let mut layer = Layer::default();
    for (key, value) in reader.table("the file", value) {
        match key.value.as_str() {
            "lint" => lint(reader, value, &mut layer),
            _ => reader.unknown_key(key, &["lint"]),
        }
    }
    layer
}

fn lint(reader: &mut Reader, value: &Value, layer: &mut Layer) {
    for (key, value) in reader.table("lint", value) {
        let name = key.value.as_str();
        match name {
            "select" => layer.select.get_or_insert_default().extend(read::rules(reader, name, value)),
            "extend-select" => layer.extend_select.extend(read::rules(reader, name, value)),
            "ignore" => layer.ignore.extend(read::rules(reader, name, value)),
            "per-file-ignores" => {
                for (glob, value) in reader.table(name, value) {
                    let rules = read::rules(reader, &glob.value, value);
                    if let Err(error) = super::Globs::new(std::path::Path::new(""), &glob.value) {
                        reader.error(glob.span, format!("`{}` is no pattern for files: {error}", glob.value), None);
                    }
                    layer.per_file_ignores.push((glob.value.clone(), rules));
                }
            }
            "preview" => layer.preview = reader.flag(name, value),
            "severity" => {
                for (rule, value) in reader.table(name, value) {
                    if let Some(error) = read::unknown_rule(&rule.value) {
                        reader.unknown_rule(rule.span, error, read::LIST_HINT);
                    }
                    let Some(text) = reader.text(&rule.value, value) else { continue };
                    match Level::parse(&text.value) {
                        Some(level) => layer.levels.push((rule.value.clone(), level)),
                        None => reader.error(
                            text.span,
                            format!("`{}` is no level", text.value),
                            Some("there are: error, warning, info, style".to_owned()),
                        ),
                    }
                }
            }
            "trusted-registries" => layer.trusted_registries.extend(read::registries(reader, name, value)),
            "strict-labels" => layer.strict_labels = reader.flag(name, value),
            "failure-threshold" => layer.threshold = read::threshold(reader, name, value),
            "format" => layer.formats.extend(read::formats(reader, name, value)),
            "label-schema" => layer.label_schema.extend(read::label_schema(reader, name, value)),
            _ => reader.unknown_key(key, &KEYS),
        }
    }
}
