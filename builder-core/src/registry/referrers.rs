//! What refers to a manifest: signatures, statements. Where a registry keeps no list, an index under a tag is it.
//!
//! Spec: OCI distribution-spec 1.1, "Listing Referrers" and "Referrers Tag Schema".

use std::collections::BTreeMap;

use reqwest::Method;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::push::{ManifestName, PushedManifest, refused};
use super::reply::bounded;
use super::transport::Request;
use super::{Client, RegistryError};
use crate::cancel::CancelToken;
use crate::digest::Digest;
use crate::oci::{MAX_MANIFEST_SIZE, media_type};

/// Something that refers to a manifest: its descriptor.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Referrer {
    /// The media type of its manifest.
    pub media_type: String,
    /// The digest of its manifest, as text: another algorithm than ours may have made it.
    pub digest: String,
    /// The size of its manifest, in bytes.
    pub size: u64,
    /// What it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artifact_type: Option<String>,
    /// Its annotations.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct List {
    schema_version: u32,
    #[serde(default)]
    media_type: String,
    #[serde(default)]
    manifests: Vec<Referrer>,
}

/// What a manifest says of itself that a list has to know.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Referring {
    #[serde(default)]
    artifact_type: Option<String>,
    #[serde(default)]
    config: Option<ConfigType>,
    #[serde(default)]
    annotations: Option<BTreeMap<String, String>>,
    #[serde(default)]
    subject: Option<Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ConfigType {
    #[serde(default)]
    media_type: String,
}

/// The tag of the list of a registry that keeps none itself.
fn fallback_tag(subject: &Digest) -> String {
    subject.to_string().replace(':', "-")
}

impl Client {
    /// Returns what refers to a manifest of the repository.
    ///
    /// # Errors
    /// [`RegistryError`].
    pub fn referrers(&self, subject: &Digest, cancel: &CancelToken) -> Result<Vec<Referrer>, RegistryError> {
        let name = self.name_of_manifest(ManifestName::Digest(subject));
        let listed = self.ask(cancel, async |transport| {
            let request = Request::new(Method::GET, transport.url(&format!("referrers/{subject}"))?);
            let response = transport.send(&request, &name).await?;
            let domain = transport.domain_of(response.url());
            match response.status().as_u16() {
                200 => Ok(Some(bounded(response, &domain, "the list of referrers", MAX_MANIFEST_SIZE).await?)),
                // 404 is the specification's; others answer what they answer to what they do not know.
                400 | 404 | 405 => Ok(None),
                _ => Err(refused(response, transport, &name).await),
            }
        })?;
        match listed {
            Some(bytes) => self.read_list(&bytes),
            None => self.fallback_list(subject, cancel),
        }
    }

    /// Pushes a manifest that refers to another one (`subject`), and notes it where the registry does not.
    ///
    /// # Errors
    /// [`RegistryError`]; [`RegistryError::Setup`] where the manifest has no subject.
    pub fn push_referrer(
        &self,
        subject: &Digest,
        media_type: &str,
        bytes: &[u8],
        cancel: &CancelToken,
    ) -> Result<PushedManifest, RegistryError> {
        let unfit = || RegistryError::Setup { message: "the manifest refers to nothing".to_owned() };
        let referring: Referring = serde_json::from_slice(bytes).map_err(|_| unfit())?;
        referring.subject.ok_or_else(unfit)?;
        let digest = Digest::of(bytes);
        let pushed = self.push_manifest(ManifestName::Digest(&digest), media_type, bytes, cancel)?;
        if pushed.subject_noted {
            return Ok(pushed);
        }
        let mut list = self.fallback_list(subject, cancel)?;
        if list.iter().any(|known| known.digest == digest.to_string()) {
            return Ok(pushed);
        }
        list.push(Referrer {
            media_type: media_type.to_owned(),
            digest: digest.to_string(),
            size: bytes.len() as u64,
            artifact_type: referring.artifact_type.or(referring.config.map(|config| config.media_type)),
            annotations: referring.annotations.unwrap_or_default(),
        });
        let list = List { schema_version: 2, media_type: media_type::OCI_INDEX.to_owned(), manifests: list };
        let bytes = serde_json::to_vec(&list).map_err(|error| RegistryError::Setup { message: error.to_string() })?;
        let tag = fallback_tag(subject);
        self.push_manifest(ManifestName::Tag(&tag), media_type::OCI_INDEX, &bytes, cancel)?;
        Ok(pushed)
    }

    fn fallback_list(&self, subject: &Digest, cancel: &CancelToken) -> Result<Vec<Referrer>, RegistryError> {
        match self.manifest_of(ManifestName::Tag(&fallback_tag(subject)), cancel) {
            Err(RegistryError::NotFound { .. }) => Ok(Vec::new()),
            Err(error) => Err(error),
            Ok(bytes) => self.read_list(&bytes),
        }
    }

    fn read_list(&self, bytes: &[u8]) -> Result<Vec<Referrer>, RegistryError> {
        let list: List = serde_json::from_slice(bytes).map_err(|_| RegistryError::Protocol {
            domain: self.reference.domain().to_owned(),
            message: "something that is no list of referrers".to_owned(),
        })?;
        Ok(list.manifests)
    }
}
