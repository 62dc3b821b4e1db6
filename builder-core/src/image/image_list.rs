//! Indexes that people put together: descriptors of images under one name. Fields that are not known here stay.
//!
//! Spec: OCI image-spec 1.1, image-index.md; Docker image manifest version 2, schema 2, "Manifest List".

use serde_json::{Map, Value, json};

use super::{Descriptor, ImageError, documents::PlatformDocument};
use crate::digest::Digest;
use crate::oci::{ImageConfig, media_type};

/// An index that changes.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct ImageList {
    entries: Vec<Value>,
    annotations: Map<String, Value>,
}

/// What is to be different about the platform of an entry.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct PlatformChange {
    /// The operating system.
    pub os: Option<String>,
    /// The architecture.
    pub architecture: Option<String>,
    /// The variant of the architecture.
    pub variant: Option<String>,
    /// The version of the operating system.
    pub os_version: Option<String>,
    /// Further features of the operating system.
    pub os_features: Vec<String>,
}

/// Returns the digest of a descriptor.
fn digest_of(entry: &Value) -> Option<Digest> {
    entry["digest"].as_str()?.parse().ok()
}

impl ImageList {
    /// Reads an index.
    ///
    /// # Errors
    /// [`ImageError::Json`] for what is no JSON; what else is wrong shows where it is used.
    pub fn parse(bytes: &[u8]) -> Result<Self, ImageError> {
        let mut value: Value = serde_json::from_slice(bytes)?;
        let entries = match value["manifests"].take() {
            Value::Array(entries) => entries,
            _ => Vec::new(),
        };
        let annotations = match value["annotations"].take() {
            Value::Object(annotations) => annotations,
            _ => Map::new(),
        };
        Ok(Self { entries, annotations })
    }

    /// Returns the descriptors, as they are written.
    pub fn entries(&self) -> &[Value] {
        &self.entries
    }

    /// Returns what the entries are of: digest and media type.
    pub fn members(&self) -> Vec<(Digest, String)> {
        let member = |entry: &Value| {
            Some((digest_of(entry)?, entry["mediaType"].as_str().unwrap_or(media_type::OCI_MANIFEST).to_owned()))
        };
        self.entries.iter().filter_map(member).collect()
    }

    /// Adds a descriptor; one of the same document gives way.
    pub fn add(&mut self, entry: Value) {
        match self.entries.iter_mut().find(|known| digest_of(known) == digest_of(&entry)) {
            Some(known) => *known = entry,
            None => self.entries.push(entry),
        }
    }

    /// Adds an image for the platform that its config names.
    ///
    /// # Errors
    /// [`ImageError::Json`].
    pub fn add_image(
        &mut self,
        media_type: &str,
        digest: Digest,
        size: u64,
        config: &ImageConfig,
    ) -> Result<(), ImageError> {
        let mut descriptor = Descriptor::foreign(media_type, digest, size);
        descriptor.platform = Some(PlatformDocument::new(&config.platform(), &config.os_features));
        self.add(serde_json::to_value(descriptor)?);
        Ok(())
    }

    /// Tells whether there is an entry of a document.
    pub fn has(&self, digest: &Digest) -> bool {
        self.entries.iter().any(|entry| digest_of(entry) == Some(*digest))
    }

    /// Changes the platform of an entry; returns its operating system and architecture, or nothing where there is no
    /// such entry.
    pub fn annotate(&mut self, digest: &Digest, change: &PlatformChange) -> Option<(String, String)> {
        let entry = self.entries.iter_mut().find(|entry| digest_of(entry) == Some(*digest))?;
        let mut platform = match entry["platform"].take() {
            Value::Object(platform) => platform,
            _ => Map::new(),
        };
        let changes = [
            ("architecture", &change.architecture),
            ("os", &change.os),
            ("os.version", &change.os_version),
            ("variant", &change.variant),
        ];
        for (name, value) in changes {
            if let Some(value) = value {
                platform.insert(name.to_owned(), json!(value));
            }
        }
        if !change.os_features.is_empty() {
            let known = platform.get("os.features").and_then(Value::as_array).cloned().unwrap_or_default();
            let mut features = known;
            for feature in &change.os_features {
                if !features.iter().any(|known| known == feature) {
                    features.push(json!(feature));
                }
            }
            platform.insert("os.features".to_owned(), Value::Array(features));
        }
        let text = |name: &str| platform.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        let named = (text("os"), text("architecture"));
        entry["platform"] = Value::Object(platform);
        Some(named)
    }

    /// Puts another document in the place of one, also where annotations name it: the same image in other bytes.
    pub fn replace(&mut self, from: &Digest, to: &Descriptor) {
        let (old, new) = (from.to_string(), to.digest.to_string());
        for entry in &mut self.entries {
            if digest_of(entry) == Some(*from) {
                entry["digest"] = json!(new);
                entry["size"] = json!(to.size);
                entry["mediaType"] = json!(to.media_type);
            }
            if let Some(annotations) = entry.get_mut("annotations").and_then(Value::as_object_mut) {
                for value in annotations.values_mut().filter(|value| **value == *old) {
                    *value = json!(new);
                }
            }
        }
    }

    /// Returns the media type: Docker's where all images are in Docker's form and nothing needs OCI's.
    pub fn media_type(&self) -> &'static str {
        let is_docker =
            |entry: &Value| entry["mediaType"] == media_type::DOCKER_MANIFEST && entry.get("annotations").is_none();
        let docker = !self.entries.is_empty() && self.annotations.is_empty() && self.entries.iter().all(is_docker);
        if docker { media_type::DOCKER_MANIFEST_LIST } else { media_type::OCI_INDEX }
    }

    /// Writes the index.
    ///
    /// # Errors
    /// [`ImageError::Json`].
    pub fn bytes(&self) -> Result<Vec<u8>, ImageError> {
        let mut value = json!({
            "schemaVersion": 2,
            "mediaType": self.media_type(),
            "manifests": self.entries,
        });
        if !self.annotations.is_empty() {
            value["annotations"] = Value::Object(self.annotations.clone());
        }
        Ok(serde_json::to_vec(&value)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::platform::Platform;

    fn digest(text: &str) -> Digest {
        Digest::of(text.as_bytes())
    }

    #[test]
    fn entries_are_added_annotated_and_replaced() {
        let mut list = ImageList::default();
        let config = ImageConfig::empty(&Platform::new("linux", "arm", Some("v7")));
        list.add_image(media_type::DOCKER_MANIFEST, digest("a"), 1, &config).unwrap();
        list.add_image(media_type::DOCKER_MANIFEST, digest("a"), 1, &config).unwrap();
        assert_eq!((list.entries().len(), list.media_type()), (1, media_type::DOCKER_MANIFEST_LIST));
        list.add(json!({
            "mediaType": media_type::OCI_MANIFEST, "digest": digest("b").to_string(), "size": 2, "artifactType": "x",
            "annotations": { "vnd.docker.reference.digest": digest("a").to_string() },
        }));
        assert_eq!(list.media_type(), media_type::OCI_INDEX);
        let change = PlatformChange {
            variant: Some("v8".to_owned()),
            architecture: Some("arm64".to_owned()),
            os_features: vec!["one".to_owned(), "one".to_owned()],
            ..PlatformChange::default()
        };
        let named = list.annotate(&digest("a"), &change);
        assert_eq!(named, Some(("linux".to_owned(), "arm64".to_owned())));
        assert_eq!(list.annotate(&digest("z"), &change), None);
        list.replace(&digest("a"), &Descriptor::foreign(media_type::OCI_MANIFEST, digest("c"), 9));
        let written: Value = serde_json::from_slice(&list.bytes().unwrap()).unwrap();
        assert_eq!(written["manifests"][0]["digest"], digest("c").to_string());
        assert_eq!(written["manifests"][0]["size"], 9);
        assert_eq!(written["manifests"][0]["platform"]["variant"], "v8");
        assert_eq!(written["manifests"][0]["platform"]["os.features"], json!(["one"]));
        assert_eq!(written["manifests"][1]["annotations"]["vnd.docker.reference.digest"], digest("c").to_string());
        assert_eq!(written["manifests"][1]["artifactType"], "x");
        let again = ImageList::parse(&list.bytes().unwrap()).unwrap();
        assert_eq!(again, list);
    }
}
