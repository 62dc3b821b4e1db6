//! Images of registries.

use std::sync::Arc;

use super::layout::{keep_index, resolve};
use super::{Origin, Resolved, SourceError};
use crate::cancel::CancelToken;
use crate::digest::Digest;
use crate::oci::{BlobDescriptor, Document, DocumentError, MAX_CONFIG_SIZE, MAX_LAYERS, links};
use crate::platform::Platform;
use crate::reference::Reference;
use crate::registry::{Client, RegistryError, RegistryOptions};
use crate::snapshot::arrivals::{Arrivals, pipelined};
use crate::store::{ImageRecord, Store};

/// The most manifests of one index that are fetched.
const MAX_DOCUMENTS: usize = 1000;
/// Nested indexes are followed this deep.
const MAX_INDEX_DEPTH: usize = 4;

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

/// Fetches the layers of an image that the store does not have, and gives the image its name there. `lay_out` is
/// called with the index of each layer whose blob has arrived, in order, while others are on their way.
pub(super) fn fetch_layers(
    image: &Resolved,
    client: &Client,
    store: &Store,
    progress: &super::Progress<'_>,
    cancel: &CancelToken,
    lay_out: &dyn Fn(usize) -> Result<(), SourceError>,
) -> Result<(), SourceError> {
    let mut missing: Vec<BlobDescriptor> = Vec::new();
    for layer in &image.layers {
        if store.has_whole_blob(&layer.digest, layer.size) {
            progress(&layer.digest, layer.size, layer.size);
        } else if !missing.iter().any(|known| known.digest == layer.digest) {
            missing.push(layer.clone());
        }
    }
    let wanted: Vec<Digest> = image.layers.iter().map(|layer| layer.digest).collect();
    let awaited: Vec<Digest> = missing.iter().map(|layer| layer.digest).collect();
    let fetch = |arrivals: &Arrivals, cancel: &CancelToken| {
        Ok(client.blobs_noted(&missing, store, progress, &|digest| arrivals.note(digest), cancel)?)
    };
    pipelined(&wanted, awaited, cancel, fetch, |index| {
        cancel.check()?;
        lay_out(index)
    })?;
    note_whereabouts(image, client.reference(), store)?;
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

fn note_whereabouts(image: &Resolved, reference: &Reference, store: &Store) -> Result<(), SourceError> {
    let documents =
        [image.manifest, image.config_digest].into_iter().chain(image.index.iter().map(|index| index.digest));
    let digests: Vec<Digest> = documents.chain(image.layers.iter().map(|layer| layer.digest)).collect();
    Ok(store.note_whereabouts(reference.domain(), reference.path(), &digests)?)
}

/// Fetches everything that a reference stands for, for all platforms, with what is stated about it: as documents and
/// blobs, byte for byte. Nothing is unpacked.
///
/// # Errors
/// [`SourceError::Registry`], and what can be wrong with its documents.
pub fn fetch_whole(
    reference: &Reference,
    options: &RegistryOptions,
    store: &Store,
    progress: &super::Progress<'_>,
    cancel: &CancelToken,
) -> Result<ImageRecord, SourceError> {
    let client = Client::new(reference, options)?;
    let top = client.manifest(None, cancel)?;
    let (mut documents, mut blobs) = (std::collections::BTreeMap::new(), std::collections::BTreeMap::new());
    let mut waiting = vec![(Digest::of(&top), top.clone(), 0)];
    while let Some((digest, bytes, depth)) = waiting.pop() {
        let named = links(&bytes).unwrap_or_default();
        // Besides its layers, a manifest names a config.
        if named.blobs.len() > MAX_LAYERS + 1 {
            return Err(DocumentError::TooManyLayers { count: named.blobs.len() - 1 }.into());
        }
        blobs.extend(named.blobs.into_iter().map(|blob| (blob.digest, blob)));
        documents.insert(digest, bytes);
        let count = documents.len() + waiting.len() + named.manifests.len();
        if count > MAX_DOCUMENTS || depth >= MAX_INDEX_DEPTH && !named.manifests.is_empty() {
            return Err(RegistryError::TooManyManifests { limit: MAX_DOCUMENTS }.into());
        }
        for manifest in named.manifests {
            let known = documents.contains_key(&manifest.digest);
            if !known && !waiting.iter().any(|(digest, ..)| *digest == manifest.digest) {
                waiting.push((manifest.digest, client.manifest(Some(&manifest.digest), cancel)?, depth + 1));
            }
        }
    }
    let missing: Vec<BlobDescriptor> = blobs.values().filter(|blob| !store.has_blob(&blob.digest)).cloned().collect();
    client.blobs(&missing, store, progress, cancel)?;
    for bytes in documents.values() {
        store.write_blob(bytes)?;
    }
    let digests: Vec<Digest> = documents.keys().chain(blobs.keys()).copied().collect();
    store.note_whereabouts(reference.domain(), reference.path(), &digests)?;
    let manifest = Digest::of(&top);
    let (media_type, config) = match Document::parse(&top, None) {
        Ok(Document::Index(_)) => (index_type(&top), manifest),
        Ok(Document::Manifest(document)) => (document.media_type.clone(), document.config.digest),
        Err(error) => return Err(error.into()),
    };
    let name = reference.to_string();
    let manifest_size = top.len() as u64;
    let record = ImageRecord { name, manifest, manifest_size, media_type, config, created: String::new() };
    store.tag(&record)?;
    Ok(record)
}

/// The media type that an index says it has.
fn index_type(bytes: &[u8]) -> String {
    let value: Option<serde_json::Value> = serde_json::from_slice(bytes).ok();
    let stated = value.as_ref().and_then(|value| value["mediaType"].as_str());
    stated.unwrap_or(crate::oci::media_type::OCI_INDEX).to_owned()
}

impl From<RegistryError> for SourceError {
    fn from(error: RegistryError) -> Self {
        match error {
            RegistryError::Cancelled(cancelled) => Self::Cancelled(cancelled),
            error => Self::Registry(Box::new(error)),
        }
    }
}
