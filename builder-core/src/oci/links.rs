//! What a document names, whatever kind of image or artifact it is of: what has to be moved with it.

use serde_json::Value;

use super::BlobDescriptor;
use crate::digest::Digest;

/// What a manifest or an index names.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Links {
    /// Manifests and indexes, in the order of the index.
    pub manifests: Vec<BlobDescriptor>,
    /// The config and the layers.
    pub blobs: Vec<BlobDescriptor>,
}

/// Reads what a document names. What has no digest that is known, or is kept elsewhere (`urls`), is left out.
pub fn links(document: &[u8]) -> Option<Links> {
    let document: Value = serde_json::from_slice(document).ok()?;
    let list = |name: &str| document[name].as_array().map(Vec::as_slice).unwrap_or_default();
    let manifests = list("manifests").iter().filter_map(descriptor).collect();
    let blobs = std::iter::once(&document["config"]).chain(list("layers")).filter_map(descriptor).collect();
    Some(Links { manifests, blobs })
}

fn descriptor(value: &Value) -> Option<BlobDescriptor> {
    if value["urls"].as_array().is_some_and(|urls| !urls.is_empty()) {
        return None;
    }
    let digest: Digest = value["digest"].as_str()?.parse().ok()?;
    let media_type = value["mediaType"].as_str().unwrap_or_default().to_owned();
    Some(BlobDescriptor { digest, size: value["size"].as_u64()?, media_type })
}
