//! Images of the store as they are, byte for byte: what came from elsewhere keeps its digest in archives, too.

use std::collections::BTreeMap;

use super::ImageError;
use super::documents::Descriptor;
use super::layers::Content;
use super::render::{Rendered, RenderedImage};
use super::view::{ImageParts, StoredImage};
use crate::digest::Digest;
use crate::oci::{BlobDescriptor, MAX_MANIFEST_SIZE, closure};
use crate::store::{ImageRecord, Store, StoreError};

/// Returns an image of the store as it is, with all documents that it names, in whosever media types. Nothing where it
/// does not stay as it is: where its layers were made here and are not compressed yet, or where an index is here in
/// part only.
///
/// # Errors
/// [`ImageError::Store`].
pub fn as_stored(store: &Store, record: &ImageRecord, image: &StoredImage) -> Result<Option<Rendered>, ImageError> {
    if !store.is_of_registry(&record.manifest)? {
        for image in &image.images {
            if !stays(store, image)? {
                return Ok(None);
            }
        }
    }
    let read = |digest: &Digest| store.read_blob(digest, MAX_MANIFEST_SIZE);
    let (documents, named) = match closure(&record.manifest, &record.media_type, &read) {
        Err(StoreError::MissingBlob(_)) => return Ok(None),
        found => found?,
    };
    if !named.iter().all(|blob| store.has_whole_blob(&blob.digest, blob.size)) {
        return Ok(None);
    }
    let mut blobs: BTreeMap<Digest, Content> = named.iter().map(|blob| (blob.digest, stored(blob))).collect();
    blobs.extend(documents.into_iter().map(|document| (document.digest, Content::Bytes(document.bytes))));
    let mut images = Vec::new();
    for image in &image.images {
        blobs.extend(layer_contents(image));
        images.extend(image.manifest.as_ref().map(|manifest| rendered(image, manifest)));
    }
    let descriptor = Descriptor::foreign(&record.media_type, record.manifest, record.manifest_size);
    let created = image.images.iter().map(|image| image.created.clone()).max().unwrap_or_default();
    Ok(Some(Rendered::of_store(descriptor, blobs, images, image.index, created)))
}

/// Tells whether an image goes out as it is: its layers are compressed, or somebody else made it without.
pub(super) fn stays(store: &Store, image: &ImageParts) -> Result<bool, ImageError> {
    let Some(manifest) = &image.manifest else { return Ok(false) };
    let are_there = image.layers.iter().all(|layer| store.has_whole_blob(&layer.digest, layer.size));
    let is_plain = image.layers.iter().any(BlobDescriptor::is_plain);
    Ok(are_there && (!is_plain || store.is_of_registry(&manifest.digest)?))
}

/// Returns the bytes of an image's manifest, and what there is to know about it.
pub(super) fn stored_documents(
    store: &Store,
    image: &ImageParts,
    manifest: &BlobDescriptor,
) -> Result<(Vec<u8>, RenderedImage), ImageError> {
    Ok((store.read_blob(&manifest.digest, MAX_MANIFEST_SIZE)?, rendered(image, manifest)))
}

/// Returns the layers of an image as the store has them.
pub(super) fn layer_contents(image: &ImageParts) -> impl Iterator<Item = (Digest, Content)> {
    let content = |(index, layer): (usize, &BlobDescriptor)| {
        let chain = image.diff_ids.get(..=index).unwrap_or_default().to_vec();
        (layer.digest, Content::Stored { chain, size: layer.size })
    };
    image.layers.iter().enumerate().map(content)
}

fn stored(blob: &BlobDescriptor) -> Content {
    Content::Stored { chain: Vec::new(), size: blob.size }
}

fn rendered(image: &ImageParts, manifest: &BlobDescriptor) -> RenderedImage {
    RenderedImage {
        platform: image.platform.clone(),
        manifest: manifest.digest,
        config: Digest::of(&image.config_bytes),
        layers: image.layers.iter().map(|layer| layer.digest).collect(),
    }
}
