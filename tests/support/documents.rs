//! The documents of an OCI layout, by name and digest: indexes as well as manifests.

use std::path::Path;

use serde_json::Value;

/// Reads a JSON document of a layout by its digest.
#[track_caller]
pub fn document(layout: &Path, digest: &Value) -> Value {
    let digest = digest.as_str().expect("digest");
    let path = layout.join("blobs").join(digest.replace(':', "/"));
    let text = std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_slice(&text).expect("json")
}

/// Reads the descriptor of a name in a layout's `index.json`, or the first one.
#[track_caller]
pub fn descriptor(layout: &Path, name: Option<&str>) -> Value {
    let text = std::fs::read(layout.join("index.json")).expect("index.json");
    let index: Value = serde_json::from_slice(&text).expect("json");
    let manifests = index["manifests"].as_array().expect("manifests");
    let fits =
        |entry: &&Value| name.is_none_or(|name| entry["annotations"]["org.opencontainers.image.ref.name"] == name);
    manifests.iter().find(fits).unwrap_or_else(|| panic!("no {name:?} in {index:#}")).clone()
}

/// Reads the index or manifest of a name.
#[track_caller]
pub fn top(layout: &Path, name: &str) -> Value {
    document(layout, &descriptor(layout, Some(name))["digest"])
}

/// Reads the config of the image for a platform (`linux/arm/v7`) of an index.
#[track_caller]
pub fn config_for(layout: &Path, index: &Value, platform: &str) -> Value {
    let manifest = document(layout, &entry_for(index, platform)["digest"]);
    document(layout, &manifest["config"]["digest"])
}

/// Finds the descriptor for a platform in an index.
#[track_caller]
pub fn entry_for<'i>(index: &'i Value, platform: &str) -> &'i Value {
    let text = |entry: &Value| {
        let part = |name: &str| entry["platform"][name].as_str().map(|text| format!("/{text}")).unwrap_or_default();
        format!("{}{}{}", entry["platform"]["os"].as_str().unwrap_or(""), part("architecture"), part("variant"))
    };
    let entries = index["manifests"].as_array().expect("manifests");
    entries.iter().find(|entry| text(entry) == platform).unwrap_or_else(|| panic!("no {platform} in {index:#}"))
}
