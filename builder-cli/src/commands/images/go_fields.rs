//! The fields of docker's description of an image under the names that they have in Go: templates use those, or the
//! keys of the JSON.
//!
//! Spec: docker's Engine API, `ImageInspect`; OCI image-spec 1.1, descriptor.md.

use serde_json::{Map, Value, json};

use crate::template::{StructField, mark};

/// Returns an image's description for templates: with the fields that it always has, be it empty.
pub(super) fn for_templates(image: &Value) -> Value {
    let mut image = image.clone();
    let text = || json!("");
    let map = || Value::Object(Map::new());
    let list = || Value::Array(Vec::new());
    let absent = || Value::Null;
    let mut object = |pointer: &str, kind: &str, fields: &[StructField]| {
        if let Some(value) = image.pointer_mut(pointer) {
            mark(value, kind, fields);
        }
    };
    let healthcheck = [
        ("Test", "Test", list()),
        ("Interval", "Interval", json!(0)),
        ("Timeout", "Timeout", json!(0)),
        ("StartPeriod", "StartPeriod", json!(0)),
        ("StartInterval", "StartInterval", json!(0)),
        ("Retries", "Retries", json!(0)),
    ];
    object("/Config/Healthcheck", "v1.HealthcheckConfig", &healthcheck);
    let config = [
        ("User", "User", text()),
        ("ExposedPorts", "ExposedPorts", map()),
        ("Env", "Env", list()),
        ("Entrypoint", "Entrypoint", list()),
        ("Cmd", "Cmd", list()),
        ("Healthcheck", "Healthcheck", absent()),
        ("ArgsEscaped", "ArgsEscaped", json!(false)),
        ("Volumes", "Volumes", map()),
        ("WorkingDir", "WorkingDir", text()),
        ("OnBuild", "OnBuild", list()),
        ("Labels", "Labels", map()),
        ("StopSignal", "StopSignal", text()),
        ("StopTimeout", "StopTimeout", absent()),
        ("Shell", "Shell", list()),
    ];
    object("/Config", "v1.DockerOCIImageConfig", &config);
    object("/RootFS", "image.RootFS", &[("Type", "Type", text()), ("Layers", "Layers", list())]);
    let descriptor = [
        ("MediaType", "mediaType", text()),
        ("Digest", "digest", text()),
        ("Size", "size", json!(0)),
        ("URLs", "urls", list()),
        ("Annotations", "annotations", map()),
        ("Data", "data", list()),
        ("Platform", "platform", absent()),
        ("ArtifactType", "artifactType", text()),
    ];
    object("/Descriptor", "v1.Descriptor", &descriptor);
    let manifests = image["Manifests"].as_array().map_or(0, Vec::len);
    for index in 0..manifests {
        mark(&mut image["Manifests"][index], "v1.Descriptor", &descriptor);
    }
    image["Metadata"] = json!({ "LastTagTime": "0001-01-01T00:00:00Z" });
    mark(&mut image["Metadata"], "image.Metadata", &[("LastTagTime", "LastTagTime", text())]);
    let own = [
        ("ID", "Id", text()),
        ("RepoTags", "RepoTags", list()),
        ("RepoDigests", "RepoDigests", list()),
        ("Parent", "Parent", text()),
        ("Comment", "Comment", text()),
        ("Created", "Created", text()),
        ("DockerVersion", "DockerVersion", text()),
        ("Author", "Author", text()),
        ("Config", "Config", absent()),
        ("Architecture", "Architecture", text()),
        ("Variant", "Variant", text()),
        ("Os", "Os", text()),
        ("OsVersion", "OsVersion", text()),
        ("Size", "Size", json!(0)),
        ("VirtualSize", "Size", json!(0)),
        ("RootFS", "RootFS", absent()),
        ("Metadata", "Metadata", absent()),
        ("Descriptor", "Descriptor", absent()),
        ("Manifests", "Manifests", list()),
    ];
    mark(&mut image, "image.InspectResponse", &own);
    image
}
