//! Manifests and indexes as they come from outside: parsed with `oci-spec`, checked, and reduced to what a
//! builder needs. The bytes themselves are kept by whoever fetched them, since their digest is the identity.
//!
//! Spec: OCI image-spec 1.1, manifest.md and image-index.md; Docker image manifest version 2, schema 2.

use std::collections::BTreeMap;

use oci_spec::image::{Descriptor, ImageIndex, ImageManifest};
use serde_json::Value;

use super::{ImageConfig, media_type};
use crate::digest::Digest;
use crate::platform::Platform;

/// The largest manifest or index that is read. Registries refuse to store more than 4 MiB
/// (distribution-spec 1.1, "Pushing manifests").
pub const MAX_MANIFEST_SIZE: u64 = 4 << 20;
/// The largest image config that is read. Real ones have a few KiB; this leaves room for long histories.
pub const MAX_CONFIG_SIZE: u64 = 8 << 20;
/// The most layers of an image. Overlay file systems take no more than 500 lower directories.
pub const MAX_LAYERS: usize = 500;

/// A blob that a manifest names.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BlobDescriptor {
    /// The digest of its bytes.
    pub digest: Digest,
    /// Its size in bytes.
    pub size: u64,
    /// Its media type.
    pub media_type: String,
}

impl BlobDescriptor {
    /// Tells whether it is a layer without compression.
    pub fn is_plain(&self) -> bool {
        matches!(self.media_type.as_str(), media_type::OCI_LAYER | media_type::DOCKER_LAYER)
    }
}

/// The manifest of one image.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Manifest {
    /// Its own media type.
    pub media_type: String,
    /// The image config.
    pub config: BlobDescriptor,
    /// The layers, bottom first.
    pub layers: Vec<BlobDescriptor>,
    /// The annotations of each of them.
    pub layer_annotations: Vec<BTreeMap<String, String>>,
    /// The annotations.
    pub annotations: BTreeMap<String, String>,
}

/// One entry of an index.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct IndexEntry {
    /// The manifest or nested index.
    pub descriptor: BlobDescriptor,
    /// The platform, where the index names one.
    pub platform: Option<Platform>,
    /// The annotations.
    pub annotations: BTreeMap<String, String>,
}

/// A document that a reference can stand for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Document {
    /// One image.
    Manifest(Manifest),
    /// A choice of images.
    Index(Vec<IndexEntry>),
}

/// A document cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DocumentError {
    /// It is not the JSON that it should be.
    #[error("malformed {what}")]
    Json {
        /// What it should be.
        what: &'static str,
        /// Where it is not.
        #[source]
        source: serde_json::Error,
    },
    /// It is neither a manifest nor an index.
    #[error("the document is neither an image manifest nor an image index (media type `{media_type}`)")]
    NotAnImage {
        /// What it says it is.
        media_type: String,
    },
    /// It is a manifest of the first schema.
    #[error(
        "the image has a manifest of Docker's schema 1, which is no longer supported; \
         push the image again with a current docker, podman or skopeo"
    )]
    Schema1,
    /// It is an artifact that is no container image.
    #[error("the manifest describes an artifact of type `{media_type}`, not a container image")]
    Artifact {
        /// The media type of its config.
        media_type: String,
    },
    /// A digest in it cannot be used.
    #[error("malformed {what}")]
    Digest {
        /// The document.
        what: &'static str,
        /// What is wrong with the digest.
        #[source]
        source: crate::digest::DigestError,
    },
    /// It names more layers than can be stacked.
    #[error("the image has {count} layers, at most {MAX_LAYERS} are supported")]
    TooManyLayers {
        /// How many it names.
        count: usize,
    },
    /// A layer has to be fetched from somewhere else.
    #[error("layer `{digest}` is a foreign layer (`{media_type}`), which this builder does not fetch")]
    ForeignLayer {
        /// The layer.
        digest: Digest,
        /// Its media type.
        media_type: String,
    },
    /// A layer has a media type that cannot be unpacked.
    #[error("layer `{digest}` has the unsupported media type `{media_type}`")]
    LayerType {
        /// The layer.
        digest: Digest,
        /// Its media type.
        media_type: String,
    },
    /// The config describes no layered root filesystem.
    #[error("the image config has a root filesystem of type `{kind}`, expected `layers`")]
    RootFsType {
        /// The type.
        kind: String,
    },
    /// Config and manifest do not fit together.
    #[error("the image config lists {diff_ids} layers, but the manifest {layers}")]
    LayerCount {
        /// The number of diff IDs.
        diff_ids: usize,
        /// The number of layers.
        layers: usize,
    },
}

impl Document {
    /// Parses a manifest or an index. What the document says about itself decides; `media_type` (of the
    /// descriptor or the HTTP header) only where it says nothing.
    ///
    /// # Errors
    /// [`DocumentError`] when it is no image that can be built upon.
    pub fn parse(bytes: &[u8], media_type: Option<&str>) -> Result<Self, DocumentError> {
        let json = |source| DocumentError::Json { what: "manifest", source };
        let mut value: Value = serde_json::from_slice(bytes).map_err(json)?;
        // Go writes absent lists and maps as `null`.
        if let Value::Object(members) = &mut value {
            members.retain(|_, member| !member.is_null());
        }
        let own_type = value.get("mediaType").and_then(Value::as_str).unwrap_or_default();
        if value.get("schemaVersion").and_then(Value::as_u64) == Some(1) || value.get("fsLayers").is_some() {
            return Err(DocumentError::Schema1);
        }
        let stated = if own_type.is_empty() { media_type.unwrap_or_default() } else { own_type }.to_owned();
        let is_index = match stated.as_str() {
            media_type::OCI_INDEX | media_type::DOCKER_MANIFEST_LIST => true,
            media_type::OCI_MANIFEST | media_type::DOCKER_MANIFEST => false,
            _ if value.get("manifests").is_some_and(Value::is_array) => true,
            _ if value.get("config").is_some_and(Value::is_object) => false,
            _ => return Err(DocumentError::NotAnImage { media_type: stated }),
        };
        if is_index { parse_index(value).map(Self::Index) } else { parse_manifest(value).map(Self::Manifest) }
    }
}

fn parse_index(mut value: Value) -> Result<Vec<IndexEntry>, DocumentError> {
    default_list(&mut value, "manifests");
    let index: ImageIndex =
        serde_json::from_value(value).map_err(|source| DocumentError::Json { what: "image index", source })?;
    // An entry with another digest algorithm is one that cannot be chosen, not a broken index.
    Ok(index.manifests().iter().filter_map(|entry| index_entry(entry).ok()).collect())
}

fn default_list(value: &mut Value, name: &str) {
    if let Value::Object(members) = value
        && !members.contains_key(name)
    {
        members.insert(name.to_owned(), Value::Array(Vec::new()));
    }
}

fn index_entry(entry: &Descriptor) -> Result<IndexEntry, DocumentError> {
    let platform = entry.platform().as_ref().map(|platform| {
        let variant = platform.variant().as_deref();
        let mut result = Platform::new(&platform.os().to_string(), &platform.architecture().to_string(), variant);
        result.os_version.clone_from(platform.os_version());
        result
    });
    Ok(IndexEntry { descriptor: blob_descriptor(entry, "image index")?, platform, annotations: annotations_of(entry) })
}

fn annotations_of(descriptor: &Descriptor) -> BTreeMap<String, String> {
    descriptor.annotations().iter().flatten().map(|(k, v)| (k.clone(), v.clone())).collect()
}

fn parse_manifest(mut value: Value) -> Result<Manifest, DocumentError> {
    default_list(&mut value, "layers");
    let manifest: ImageManifest =
        serde_json::from_value(value).map_err(|source| DocumentError::Json { what: "image manifest", source })?;
    let layers = manifest.layers();
    if layers.len() > MAX_LAYERS {
        return Err(DocumentError::TooManyLayers { count: layers.len() });
    }
    let config = blob_descriptor(manifest.config(), "image manifest")?;
    if !matches!(config.media_type.as_str(), media_type::OCI_CONFIG | media_type::DOCKER_CONFIG | "") {
        return Err(DocumentError::Artifact { media_type: config.media_type });
    }
    let layer_annotations = layers.iter().map(annotations_of).collect();
    let layers = layers.iter().map(layer_descriptor).collect::<Result<Vec<_>, _>>()?;
    let own_type = manifest.media_type().as_ref().map(ToString::to_string).filter(|text| !text.is_empty());
    let media_type = own_type.unwrap_or_else(|| media_type::OCI_MANIFEST.to_owned());
    let annotations = manifest.annotations().iter().flatten().map(|(k, v)| (k.clone(), v.clone())).collect();
    Ok(Manifest { media_type, config, layers, layer_annotations, annotations })
}

fn layer_descriptor(layer: &Descriptor) -> Result<BlobDescriptor, DocumentError> {
    let blob = blob_descriptor(layer, "image manifest")?;
    let foreign = blob.media_type.contains(".foreign.") || blob.media_type.contains(".nondistributable.");
    if foreign || layer.urls().as_ref().is_some_and(|urls| !urls.is_empty()) {
        return Err(DocumentError::ForeignLayer { digest: blob.digest, media_type: blob.media_type });
    }
    match blob.media_type.as_str() {
        media_type::OCI_LAYER
        | media_type::OCI_LAYER_GZIP
        | media_type::OCI_LAYER_ZSTD
        | media_type::DOCKER_LAYER
        | media_type::DOCKER_LAYER_GZIP => Ok(blob),
        // The form that buildah and BuildKit write for zstd in Docker's own types.
        "application/vnd.docker.image.rootfs.diff.tar.zstd" => Ok(blob),
        _ => Err(DocumentError::LayerType { digest: blob.digest, media_type: blob.media_type }),
    }
}

fn blob_descriptor(descriptor: &Descriptor, what: &'static str) -> Result<BlobDescriptor, DocumentError> {
    let digest = descriptor.digest().to_string().parse();
    Ok(BlobDescriptor {
        digest: digest.map_err(|source| DocumentError::Digest { what, source })?,
        size: descriptor.size(),
        media_type: descriptor.media_type().to_string(),
    })
}

/// Parses an image config and checks that it fits the manifest.
///
/// # Errors
/// [`DocumentError`] when it is malformed, describes another kind of root filesystem, or another number of
/// layers than the manifest.
pub fn check_config(bytes: &[u8], manifest: &Manifest) -> Result<ImageConfig, DocumentError> {
    let config: ImageConfig =
        serde_json::from_slice(bytes).map_err(|source| DocumentError::Json { what: "image config", source })?;
    if config.rootfs.kind != "layers" {
        return Err(DocumentError::RootFsType { kind: config.rootfs.kind });
    }
    let (diff_ids, layers) = (config.rootfs.diff_ids.len(), manifest.layers.len());
    if diff_ids != layers {
        return Err(DocumentError::LayerCount { diff_ids, layers });
    }
    Ok(config)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(text: &str) -> Digest {
        Digest::of(text.as_bytes())
    }

    fn manifest(layers: &str) -> String {
        let config = digest("config");
        format!(
            r#"{{"schemaVersion":2,"config":{{"mediaType":"{}","digest":"{config}","size":6}},"layers":{layers}}}"#,
            media_type::OCI_CONFIG
        )
    }

    fn layer(media_type: &str, more: &str) -> String {
        format!(r#"{{"mediaType":"{media_type}","digest":"{}","size":3{more}}}"#, digest("l"))
    }

    #[test]
    fn manifests_are_told_from_indexes_with_and_without_a_media_type() {
        let text = manifest(&format!("[{}]", layer(media_type::OCI_LAYER_GZIP, "")));
        let Document::Manifest(parsed) = Document::parse(text.as_bytes(), None).expect("manifest") else {
            panic!("not a manifest")
        };
        assert_eq!((parsed.config.size, parsed.layers.len()), (6, 1));
        assert_eq!(parsed.media_type, media_type::OCI_MANIFEST);
        let index = format!(
            r#"{{"schemaVersion":2,"manifests":[{{"mediaType":"{}","digest":"{}","size":1,"platform":{{"os":"linux","architecture":"arm64","variant":"v8"}}}}]}}"#,
            media_type::OCI_MANIFEST,
            digest("m")
        );
        let Document::Index(entries) = Document::parse(index.as_bytes(), None).expect("index") else {
            panic!("not an index")
        };
        assert_eq!(entries[0].platform, Some(Platform::new("linux", "arm64", None)));
    }

    #[test]
    fn null_lists_are_empty() {
        let parsed = Document::parse(manifest("null").as_bytes(), None).expect("manifest");
        assert!(matches!(parsed, Document::Manifest(Manifest { layers, .. }) if layers.is_empty()));
    }

    #[test]
    fn what_cannot_be_built_upon_is_named() {
        let error = |text: &str| Document::parse(text.as_bytes(), None).expect_err(text);
        assert!(matches!(error("{"), DocumentError::Json { .. }));
        assert!(matches!(error("[]"), DocumentError::NotAnImage { .. }));
        assert!(matches!(error(r#"{"schemaVersion":1,"fsLayers":[]}"#), DocumentError::Schema1));
        let foreign = layer("application/vnd.docker.image.rootfs.foreign.diff.tar.gzip", r#","urls":["http://x"]"#);
        assert!(matches!(error(&manifest(&format!("[{foreign}]"))), DocumentError::ForeignLayer { .. }));
        let odd = layer("application/vnd.wasm", "");
        assert!(matches!(error(&manifest(&format!("[{odd}]"))), DocumentError::LayerType { .. }));
        let many = vec![layer(media_type::OCI_LAYER, ""); MAX_LAYERS + 1].join(",");
        assert!(matches!(error(&manifest(&format!("[{many}]"))), DocumentError::TooManyLayers { count: 501 }));
        let artifact = manifest("[]").replace(media_type::OCI_CONFIG, "application/vnd.oci.empty.v1+json");
        assert!(matches!(error(&artifact), DocumentError::Artifact { .. }));
    }

    #[test]
    fn a_config_must_fit_the_manifest() {
        let text = manifest(&format!("[{}]", layer(media_type::OCI_LAYER, "")));
        let Ok(Document::Manifest(parsed)) = Document::parse(text.as_bytes(), None) else { panic!("manifest") };
        let config = |kind: &str, ids: &str| format!(r#"{{"rootfs":{{"type":"{kind}","diff_ids":[{ids}]}}}}"#);
        let id = format!(r#""{}""#, digest("d"));
        assert!(check_config(config("layers", &id).as_bytes(), &parsed).is_ok());
        let error = |text: String| check_config(text.as_bytes(), &parsed).expect_err("must not fit");
        assert!(matches!(error(config("layers", "")), DocumentError::LayerCount { diff_ids: 0, layers: 1 }));
        assert!(matches!(error(config("windows", &id)), DocumentError::RootFsType { .. }));
        assert!(matches!(error(config("layers", r#""sha512:00""#)), DocumentError::Json { .. }));
    }
}
