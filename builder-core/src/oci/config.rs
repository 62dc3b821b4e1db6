//! The image config with docker's extensions, in the field order that BuildKit writes.
//!
//! Spec: OCI image-spec 1.1, config.md; docker's additions as in moby's `image/spec`.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

use crate::digest::Digest;
use crate::platform::Platform;

fn is_false(value: &bool) -> bool {
    !value
}

fn is_zero(value: &i64) -> bool {
    *value == 0
}

/// Go writes a nil slice or map as `null`; both read as empty.
fn null_as_default<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(deserializer: D) -> Result<T, D::Error> {
    Ok(Option::<T>::deserialize(deserializer)?.unwrap_or_default())
}

/// An image's config document: how it runs, where its layers came from.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ImageConfig {
    /// When the image was made, RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created: Option<String>,
    /// Who made it (`MAINTAINER`).
    #[serde(skip_serializing_if = "String::is_empty", deserialize_with = "null_as_default")]
    pub author: String,
    /// Architecture in Go's words.
    pub architecture: String,
    /// Variant of the architecture.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub variant: Option<String>,
    /// Operating system.
    pub os: String,
    /// Operating system version.
    #[serde(rename = "os.version", skip_serializing_if = "Option::is_none")]
    pub os_version: Option<String>,
    /// Operating system features.
    #[serde(rename = "os.features", skip_serializing_if = "Vec::is_empty", deserialize_with = "null_as_default")]
    pub os_features: Vec<String>,
    /// How a container of the image runs.
    #[serde(deserialize_with = "null_as_default")]
    pub config: ContainerConfig,
    /// The layers by diff ID.
    pub rootfs: RootFs,
    /// One entry an instruction.
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "null_as_default")]
    pub history: Vec<History>,
    /// Fields that we do not know, kept as they are.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// How a container of an image runs.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct ContainerConfig {
    /// User (and group) as written.
    #[serde(skip_serializing_if = "String::is_empty", deserialize_with = "null_as_default")]
    pub user: String,
    /// Ports as `80/tcp`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", deserialize_with = "null_as_default")]
    pub exposed_ports: BTreeMap<String, Value>,
    /// Environment as `KEY=value`, in order of definition.
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "null_as_default")]
    pub env: Vec<String>,
    /// Entry point; `None` where unset.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub entrypoint: Option<Vec<String>>,
    /// Default arguments; `None` where unset.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cmd: Option<Vec<String>>,
    /// Health check.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub healthcheck: Option<Healthcheck>,
    /// Set once a `CMD` was executed (a relic that BuildKit keeps).
    #[serde(skip_serializing_if = "is_false", deserialize_with = "null_as_default")]
    pub args_escaped: bool,
    /// Volumes by path.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", deserialize_with = "null_as_default")]
    pub volumes: BTreeMap<String, Value>,
    /// Working directory.
    #[serde(skip_serializing_if = "String::is_empty", deserialize_with = "null_as_default")]
    pub working_dir: String,
    /// Triggers for child builds, as source text.
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "null_as_default")]
    pub on_build: Vec<String>,
    /// Labels.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", deserialize_with = "null_as_default")]
    pub labels: BTreeMap<String, String>,
    /// Signal that stops a container, as written.
    #[serde(skip_serializing_if = "String::is_empty", deserialize_with = "null_as_default")]
    pub stop_signal: String,
    /// Seconds to wait before a container is killed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stop_timeout: Option<i64>,
    /// Shell for the shell forms.
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "null_as_default")]
    pub shell: Vec<String>,
    /// Fields that we do not know, kept as they are.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// A health check; durations in nanoseconds, 0 where unset.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct Healthcheck {
    /// `["NONE"]`, `["CMD", …]` or `["CMD-SHELL", text]`.
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "null_as_default")]
    pub test: Vec<String>,
    /// Time between checks, nanoseconds.
    #[serde(skip_serializing_if = "is_zero")]
    pub interval: i64,
    /// Time after which a check has failed, nanoseconds.
    #[serde(skip_serializing_if = "is_zero")]
    pub timeout: i64,
    /// Time to start up, nanoseconds.
    #[serde(skip_serializing_if = "is_zero")]
    pub start_period: i64,
    /// Time between checks while starting up, nanoseconds.
    #[serde(skip_serializing_if = "is_zero")]
    pub start_interval: i64,
    /// Failures in a row that make a container unhealthy.
    #[serde(skip_serializing_if = "is_zero")]
    pub retries: i64,
}

/// The layers of an image.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct RootFs {
    /// Always `layers`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Digests of the uncompressed layers, bottom first.
    #[serde(deserialize_with = "null_as_default")]
    pub diff_ids: Vec<Digest>,
}

impl Default for RootFs {
    fn default() -> Self {
        Self { kind: "layers".to_owned(), diff_ids: Vec::new() }
    }
}

/// One entry of an image's history.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct History {
    /// When, RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created: Option<String>,
    /// By what instruction.
    #[serde(skip_serializing_if = "String::is_empty", deserialize_with = "null_as_default")]
    pub created_by: String,
    /// By whom.
    #[serde(skip_serializing_if = "String::is_empty", deserialize_with = "null_as_default")]
    pub author: String,
    /// A comment; ours is `buildkit.dockerfile.v0`.
    #[serde(skip_serializing_if = "String::is_empty", deserialize_with = "null_as_default")]
    pub comment: String,
    /// Whether the entry has no layer.
    #[serde(skip_serializing_if = "is_false", deserialize_with = "null_as_default")]
    pub empty_layer: bool,
}

impl ImageConfig {
    /// Makes the config of an image that has nothing yet, for a platform.
    pub fn empty(platform: &Platform) -> Self {
        Self {
            architecture: platform.architecture.clone(),
            variant: platform.variant.clone(),
            os: platform.os.clone(),
            os_version: platform.os_version.clone(),
            ..Self::default()
        }
    }

    /// Returns the platform that the config names.
    pub fn platform(&self) -> Platform {
        let mut platform = Platform::new(&self.os, &self.architecture, self.variant.as_deref());
        platform.os_version.clone_from(&self.os_version);
        platform
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn docker_extensions_and_unknown_fields_survive() {
        let text = r#"{"architecture":"amd64","os":"linux","config":{"Env":["A=b"],"Cmd":null,"Labels":null,"Healthcheck":{"Test":["NONE"]},"OnBuild":["RUN x"],"MacAddress":"m"},"rootfs":{"type":"layers","diff_ids":null},"history":null,"moby.buildkit.cache.v0":"x"}"#;
        let config: ImageConfig = serde_json::from_str(text).expect("config");
        assert_eq!(config.config.on_build, ["RUN x"]);
        let written = serde_json::to_string(&config).expect("json");
        assert!(written.contains(r#""MacAddress":"m""#) && written.contains("moby.buildkit.cache.v0"), "{written}");
        assert!(written.starts_with(r#"{"architecture":"amd64","os":"linux","config":{"Env":["A=b"]"#), "{written}");
    }
}
