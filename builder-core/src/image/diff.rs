//! What makes two images different: files and configs.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;

use serde_json::{Map, Value};

use crate::fs::entry::FileKind;
use crate::oci::ImageConfig;

/// What two images differ in.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct ImageDiff {
    /// Files, by path.
    pub files: Vec<FileChange>,
    /// Fields of the configs.
    pub config: Vec<ConfigChange>,
}

impl ImageDiff {
    /// Tells whether there is no difference.
    pub fn is_empty(&self) -> bool {
        self.files.is_empty() && self.config.is_empty()
    }

    /// Adds up what was added, changed and removed.
    pub fn totals(&self) -> [Totals; 3] {
        let mut totals = [Totals::default(); 3];
        for change in &self.files {
            let at = match change.differences.first() {
                Some(Difference::Added) => 0,
                Some(Difference::Removed) => 2,
                _ => 1,
            };
            totals[at].files += 1;
            totals[at].before += change.size.0;
            totals[at].after += change.size.1;
        }
        totals
    }
}

/// How many files, and how many bytes they had and have.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Totals {
    /// Paths.
    pub files: u64,
    /// The bytes of regular files in the first image, each file once.
    pub before: u64,
    /// Those in the second.
    pub after: u64,
}

/// A path that is not the same in both images.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FileChange {
    /// The path, absolute.
    pub path: PathBuf,
    /// What it is in the second image, or was in the first where it is gone.
    pub kind: FileKind,
    /// The bytes of a regular file in both images; 0 where there is none, and for further names of a file that was
    /// counted.
    pub size: (u64, u64),
    /// What is different.
    pub differences: Vec<Difference>,
}

/// What is different about a path.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Difference {
    /// The first image does not have it.
    Added,
    /// The second image does not have it.
    Removed,
    /// It is something else.
    Kind(FileKind, FileKind),
    /// The bytes of a regular file.
    Content,
    /// The size of a regular file, in bytes.
    Size(u64, u64),
    /// The permission bits.
    Mode(u32, u32),
    /// User and group.
    Owner((u32, u32), (u32, u32)),
    /// The target of a symbolic link.
    Link(OsString, OsString),
    /// The numbers of a device.
    Device((u32, u32), (u32, u32)),
    /// Extended attributes, by name.
    Attributes(Vec<String>),
}

/// A field of the config that is not the same in both images.
#[derive(Clone, PartialEq, Debug)]
pub struct ConfigChange {
    /// The field: `Cmd`, `Env.PATH`, `Labels.version`, `Architecture`.
    pub field: String,
    /// What it is in the first image, where it is there.
    pub before: Option<Value>,
    /// What it is in the second.
    pub after: Option<Value>,
}

/// Compares how two images run and what they are for. Variables, labels, ports and volumes are compared one by one;
/// times, history and layers are not.
pub fn config_changes(before: &ImageConfig, after: &ImageConfig) -> Vec<ConfigChange> {
    let (before, after) = (fields(before), fields(after));
    let mut names: Vec<&String> = before.keys().chain(after.keys()).collect();
    names.sort();
    names.dedup();
    let change = |name: &String| ConfigChange {
        field: name.clone(),
        before: before.get(name).cloned(),
        after: after.get(name).cloned(),
    };
    names.into_iter().map(change).filter(|change| change.before != change.after).collect()
}

/// The fields of a config under their names.
fn fields(config: &ImageConfig) -> BTreeMap<String, Value> {
    let mut fields = BTreeMap::new();
    let whole = serde_json::to_value(config).unwrap_or_default();
    let names = [
        ("architecture", "Architecture"),
        ("variant", "Variant"),
        ("os", "Os"),
        ("os.version", "OsVersion"),
        ("os.features", "OsFeatures"),
        ("author", "Author"),
    ];
    for (key, name) in names {
        if let Some(value) = whole.get(key) {
            fields.insert(name.to_owned(), value.clone());
        }
    }
    let container: Map<String, Value> = whole["config"].as_object().cloned().unwrap_or_default();
    for (name, value) in container {
        match (name.as_str(), value) {
            ("Env", Value::Array(entries)) => {
                for entry in entries.iter().filter_map(Value::as_str) {
                    let (variable, value) = entry.split_once('=').unwrap_or((entry, ""));
                    fields.insert(format!("Env.{variable}"), value.into());
                }
            }
            ("Labels" | "ExposedPorts" | "Volumes", Value::Object(entries)) => {
                fields.extend(entries.into_iter().map(|(key, value)| (format!("{name}.{key}"), value)));
            }
            // A relic that every `CMD` sets.
            ("ArgsEscaped", _) => {}
            (_, value) => {
                fields.insert(name, value);
            }
        }
    }
    fields
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn configs_are_compared_field_by_field() {
        let config = |value: Value| serde_json::from_value::<ImageConfig>(value).unwrap();
        let before = config(json!({
            "architecture": "amd64", "os": "linux", "created": "2020-01-01T00:00:00Z",
            "config": { "Env": ["A=1", "B=2"], "Cmd": ["sh"], "Labels": { "x": "1", "y": "2" }, "Volumes": { "/v": {} } },
        }));
        let after = config(json!({
            "architecture": "arm64", "os": "linux", "created": "2021-01-01T00:00:00Z", "author": "me",
            "config": { "Env": ["B=3", "A=1"], "Entrypoint": ["sh"], "Labels": { "x": "1" }, "Volumes": { "/v": {} } },
        }));
        let found = config_changes(&before, &after);
        let shown: Vec<String> = found
            .iter()
            .map(|change| {
                let value = |value: &Option<Value>| value.as_ref().map_or_else(|| "-".to_owned(), Value::to_string);
                format!("{} {} {}", change.field, value(&change.before), value(&change.after))
            })
            .collect();
        assert_eq!(
            shown,
            [
                "Architecture \"amd64\" \"arm64\"",
                "Author - \"me\"",
                "Cmd [\"sh\"] -",
                "Entrypoint - [\"sh\"]",
                "Env.B \"2\" \"3\"",
                "Labels.y \"2\" -",
            ]
        );
        assert!(config_changes(&before, &before).is_empty());
    }
}
