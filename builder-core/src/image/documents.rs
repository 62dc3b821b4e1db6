//! Manifests, indexes and descriptors as they are written: fields in the order of the specification.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::digest::Digest;
use crate::platform::Platform;

/// A descriptor as it is written.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Descriptor {
    /// The media type.
    pub media_type: String,
    /// The digest of the bytes.
    pub digest: Digest,
    /// Their number.
    pub size: u64,
    /// The annotations.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
    /// The platform, of an image.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub platform: Option<PlatformDocument>,
}

/// A platform as it is written.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct PlatformDocument {
    architecture: String,
    os: String,
    #[serde(rename = "os.version", skip_serializing_if = "Option::is_none")]
    os_version: Option<String>,
    #[serde(rename = "os.features", skip_serializing_if = "Vec::is_empty")]
    os_features: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    variant: Option<String>,
}

impl PlatformDocument {
    pub(super) fn new(platform: &Platform, features: &[String]) -> Self {
        let windows = platform.os == "windows";
        Self {
            architecture: platform.architecture.clone(),
            os: platform.os.clone(),
            os_version: platform.os_version.clone(),
            os_features: if windows { features.to_vec() } else { Vec::new() },
            variant: platform.variant.clone(),
        }
    }

    /// What stands for no platform at all: that of attestations.
    pub(super) fn unknown() -> Self {
        Self::new(&Platform::new("unknown", "unknown", None), &[])
    }
}

impl Descriptor {
    /// Makes the descriptor of a blob that somebody else made.
    pub fn foreign(media_type: &str, digest: Digest, size: u64) -> Self {
        Self::new(media_type, digest, size)
    }

    pub(super) fn of(media_type: &str, bytes: &[u8]) -> Self {
        Self::new(media_type, Digest::of(bytes), bytes.len() as u64)
    }

    pub(super) fn new(media_type: &str, digest: Digest, size: u64) -> Self {
        Self { media_type: media_type.to_owned(), digest, size, annotations: BTreeMap::new(), platform: None }
    }
}

/// A manifest as it is written.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ManifestDocument<'d> {
    pub(super) schema_version: u32,
    pub(super) media_type: &'d str,
    pub(super) config: Descriptor,
    pub(super) layers: Vec<Descriptor>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) annotations: BTreeMap<String, String>,
}

/// An index as it is written.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct IndexDocument<'d> {
    pub(super) schema_version: u32,
    pub(super) media_type: &'d str,
    pub(super) manifests: Vec<Descriptor>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) annotations: BTreeMap<String, String>,
}
