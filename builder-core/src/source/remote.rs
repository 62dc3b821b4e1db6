//! Images of registries.

use std::sync::Arc;

use super::layout::{keep_index, resolve};
use super::{Origin, Resolved, SourceError};
use crate::cancel::CancelToken;
use crate::digest::Digest;
use crate::oci::{BlobDescriptor, Document, MAX_CONFIG_SIZE};
use crate::platform::Platform;
use crate::reference::Reference;
use crate::registry::{Client, RegistryError, RegistryOptions};
use crate::store::{ImageRecord, Store};

/// Resolves an image of a registry for a platform, and remembers it in the store under its name.
///
/// # Errors
/// [`SourceError::Registry`], and what can be wrong with its documents.
pub fn resolve_remote(
    reference: &Reference,
    platform: &Platform,
    options: &RegistryOptions,
    store: &Store,
    cancel: &CancelToken,
) -> Result<Resolved, SourceError> {
    let client = Arc::new(Client::new(reference, options)?);
    let top = client.manifest(None, cancel)?;
    let top_digest = Digest::of(&top);
    // Descriptors that the manifest names; a config is fetched by its own.
    let config: std::cell::RefCell<Option<BlobDescriptor>> = std::cell::RefCell::new(None);
    let read = |digest: &Digest, limit: u64| -> Result<Vec<u8>, SourceError> {
        let wanted = config.borrow().clone().filter(|config| config.digest == *digest);
        if let Some(wanted) = wanted {
            return Ok(client.small_blob(&wanted, limit.min(MAX_CONFIG_SIZE), cancel)?);
        }
        let bytes = if *digest == top_digest { top.clone() } else { client.manifest(Some(digest), cancel)? };
        match Document::parse(&bytes, None) {
            Ok(Document::Manifest(manifest)) => *config.borrow_mut() = Some(manifest.config),
            Ok(Document::Index(_)) => keep_index(store, &bytes)?,
            Err(_) => {}
        }
        Ok(bytes)
    };
    let origin = Origin::Registry(Arc::clone(&client));
    let resolved = resolve(&read, top_digest, platform, reference.to_string(), origin)?;
    store.write_blob(&resolved.config_bytes)?;
    store.write_blob(&resolved.manifest_bytes)?;
    Ok(resolved)
}

/// Fetches the layers of an image that the store does not have, and gives the image its name there.
pub(super) fn fetch_layers(
    image: &Resolved,
    client: &Client,
    store: &Store,
    progress: &super::Progress<'_>,
    cancel: &CancelToken,
) -> Result<(), SourceError> {
    let mut missing: Vec<BlobDescriptor> =
        image.layers.iter().filter(|layer| !store.has_whole_blob(&layer.digest, layer.size)).cloned().collect();
    missing.sort_by_key(|layer| layer.digest);
    missing.dedup_by_key(|layer| layer.digest);
    if !missing.is_empty() {
        client.blobs(&missing, store, progress, cancel)?;
    }
    let record = ImageRecord {
        name: client.reference().to_string(),
        manifest: image.manifest,
        manifest_size: image.manifest_bytes.len() as u64,
        media_type: image.media_type.clone(),
        config: image.config_digest,
        created: image.config.created.clone().unwrap_or_default(),
    };
    let Some(index) = &image.index else { return Ok(store.tag(&record)?) };
    let of_index = ImageRecord {
        manifest: index.digest,
        manifest_size: index.size,
        media_type: index.media_type.clone(),
        config: index.digest,
        ..record.clone()
    };
    Ok(store.tag_of_index(&record, &of_index, &index.members)?)
}

impl From<RegistryError> for SourceError {
    fn from(error: RegistryError) -> Self {
        match error {
            RegistryError::Cancelled(cancelled) => Self::Cancelled(cancelled),
            error => Self::Registry(Box::new(error)),
        }
    }
}
