//! Attestations: statements about an image, in a manifest of their own beside it in the index.
//!
//! Spec: dockerfile-semantics 13.5; in-toto Statement 0.1.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::ImageError;
use super::documents::{Descriptor, ManifestDocument, PlatformDocument};
use super::layers::Content;
use super::view::ImageParts;
use crate::digest::Digest;
use crate::oci::{BlobDescriptor, media_type};
use crate::platform::Platform;
use crate::reference::{DEFAULT_TAG, Reference};

/// The media type of statements.
pub(super) const IN_TOTO: &str = "application/vnd.in-toto+json";
/// Says what a layer of an attestation manifest states.
const PREDICATE_TYPE: &str = "in-toto.io/predicate-type";
/// Says that a manifest of an index is about another one.
pub(super) const REFERENCE_TYPE: &str = "vnd.docker.reference.type";
/// Says about which one.
pub(super) const REFERENCE_DIGEST: &str = "vnd.docker.reference.digest";
/// The kind of manifest.
const ATTESTATION_MANIFEST: &str = "attestation-manifest";

/// A statement about an image.
#[derive(Clone, PartialEq, Debug)]
pub enum Attestation {
    /// One that this build makes.
    New {
        /// The type of the predicate, a URL.
        predicate_type: String,
        /// What is stated.
        predicate: Value,
    },
    /// One that the store has: its blob, and what it is annotated with.
    Stored {
        /// The blob.
        blob: BlobDescriptor,
        /// The annotations of its descriptor.
        annotations: BTreeMap<String, String>,
    },
}

/// Makes the statement about what has these names and this digest.
///
/// # Errors
/// [`ImageError::Json`].
pub fn statement(
    predicate_type: &str,
    predicate: &Value,
    subjects: &[(String, Digest)],
) -> Result<Vec<u8>, ImageError> {
    let subject = |(name, digest): &(String, Digest)| json!({ "name": name, "digest": { "sha256": digest.hex() } });
    Ok(serde_json::to_vec(&json!({
        "_type": "https://in-toto.io/Statement/v0.1",
        "predicateType": predicate_type,
        "subject": subjects.iter().map(subject).collect::<Vec<_>>(),
        "predicate": predicate,
    }))?)
}

/// Writes a reference as a package URL, as BuildKit names images in statements.
pub fn package_url(reference: &Reference, platform: Option<&Platform>) -> String {
    let mut url = format!("pkg:docker/{}", reference.familiar_name());
    let mut qualifiers = Vec::new();
    match reference.digest() {
        Some(digest) => {
            if let Some(tag) = reference.tag() {
                url.push_str(&format!("@{tag}"));
            }
            qualifiers.push(format!("digest={}", digest.to_string().replace(':', "%3A")));
        }
        None => url.push_str(&format!("@{}", reference.tag().unwrap_or(DEFAULT_TAG))),
    }
    qualifiers.extend(platform.map(|platform| format!("platform={}", platform.to_string().replace('/', "%2F"))));
    if !qualifiers.is_empty() {
        url.push_str(&format!("?{}", qualifiers.join("&")));
    }
    url
}

/// Writes the manifest of an image's attestations; nothing where it has none.
pub(super) fn attestation_manifest(
    image: &ImageParts,
    manifest: &Descriptor,
    names: &[String],
    blobs: &mut BTreeMap<Digest, Content>,
) -> Result<Option<Descriptor>, ImageError> {
    if image.attestations.is_empty() {
        return Ok(None);
    }
    let url = |name: &String| name.parse().ok().map(|reference| package_url(&reference, Some(&image.platform)));
    let mut subjects: Vec<_> = names.iter().filter_map(url).map(|name| (name, manifest.digest)).collect();
    if subjects.is_empty() {
        subjects.push(("_".to_owned(), manifest.digest));
    }
    let mut layers = Vec::new();
    for attestation in &image.attestations {
        layers.push(match attestation {
            Attestation::New { predicate_type, predicate } => {
                let bytes = statement(predicate_type, predicate, &subjects)?;
                let mut layer = Descriptor::of(IN_TOTO, &bytes);
                layer.annotations.insert(PREDICATE_TYPE.to_owned(), predicate_type.clone());
                blobs.insert(layer.digest, Content::Bytes(bytes));
                layer
            }
            Attestation::Stored { blob, annotations } => {
                let mut layer = Descriptor::new(&blob.media_type, blob.digest, blob.size);
                layer.annotations.clone_from(annotations);
                blobs.insert(blob.digest, Content::Stored { chain: Vec::new(), size: blob.size });
                layer
            }
        });
    }
    let diff_ids: Vec<Digest> = layers.iter().map(|layer| layer.digest).collect();
    let config = serde_json::to_vec(&json!({
        "architecture": "unknown", "os": "unknown", "config": {},
        "rootfs": { "type": "layers", "diff_ids": diff_ids },
    }))?;
    let document = ManifestDocument {
        schema_version: 2,
        media_type: media_type::OCI_MANIFEST,
        config: Descriptor::of(media_type::OCI_CONFIG, &config),
        layers,
        annotations: BTreeMap::new(),
    };
    let bytes = serde_json::to_vec(&document)?;
    let mut descriptor = Descriptor::of(media_type::OCI_MANIFEST, &bytes);
    descriptor.annotations.insert(REFERENCE_DIGEST.to_owned(), manifest.digest.to_string());
    descriptor.annotations.insert(REFERENCE_TYPE.to_owned(), ATTESTATION_MANIFEST.to_owned());
    descriptor.platform = Some(PlatformDocument::unknown());
    blobs.insert(document.config.digest, Content::Bytes(config));
    blobs.insert(descriptor.digest, Content::Bytes(bytes));
    Ok(Some(descriptor))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn package_urls_are_those_of_buildkit() {
        let platform: Platform = "linux/amd64".parse().unwrap();
        let url = |text: &str| package_url(&text.parse().unwrap(), Some(&platform));
        assert_eq!(url("busybox"), "pkg:docker/busybox@latest?platform=linux%2Famd64");
        assert_eq!(url("example.org/team/app:2"), "pkg:docker/example.org/team/app@2?platform=linux%2Famd64");
        let digest = Digest::of(b"x");
        let pinned = url(&format!("busybox:1@{digest}"));
        assert_eq!(pinned, format!("pkg:docker/busybox@1?digest=sha256%3A{}&platform=linux%2Famd64", digest.hex()));
    }
}
