//! Images of the store: as people look at them, and as parts to write them out again.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

use super::ImageError;
use super::attestations::{Attestation, IN_TOTO, REFERENCE_DIGEST};
use crate::digest::Digest;
use crate::oci::{
    BlobDescriptor, Document, ImageConfig, IndexEntry, MAX_CONFIG_SIZE, MAX_MANIFEST_SIZE, Manifest, check_config,
    choose,
};
use crate::platform::Platform;
use crate::store::{ImageRecord, Store};

/// Nested indexes are followed this deep; one is usual, two exist.
const MAX_INDEX_DEPTH: usize = 4;

/// The parts of one image, from which documents in any form can be made.
#[derive(Clone, PartialEq, Debug)]
pub struct ImageParts {
    /// The platform that it is for.
    pub platform: Platform,
    /// `os.features` of its config.
    pub os_features: Vec<String>,
    /// The config document.
    pub config_bytes: Vec<u8>,
    /// Its layers as the store has them, bottom first.
    pub layers: Vec<BlobDescriptor>,
    /// The annotations of each of them; none where it is shorter.
    pub layer_annotations: Vec<BTreeMap<String, String>>,
    /// How many of them came with a base; all of an image that was not built just now.
    pub base_layers: usize,
    /// The diff IDs of its layers.
    pub diff_ids: Vec<Digest>,
    /// When it was made, RFC 3339; empty where unknown.
    pub created: String,
    /// The annotations of its manifest.
    pub annotations: BTreeMap<String, String>,
    /// Those that an index has beside its name.
    pub descriptor_annotations: BTreeMap<String, String>,
    /// What is stated about it.
    pub attestations: Vec<Attestation>,
    /// The manifest that it has in the store: digest, media type, and size in bytes.
    pub manifest: Option<BlobDescriptor>,
}

/// All images of one name, as parts.
#[derive(Clone, PartialEq, Debug)]
pub struct StoredImage {
    /// The images that are there, in the order of the index.
    pub images: Vec<ImageParts>,
    /// Whether it is an index.
    pub index: bool,
    /// The annotations of the index.
    pub index_annotations: BTreeMap<String, String>,
}

/// An image with its documents. Of an index it is the image for a platform.
#[derive(Clone, PartialEq, Debug)]
pub struct ImageView {
    /// The digest of the manifest.
    pub digest: Digest,
    /// The manifest.
    pub manifest: Manifest,
    /// The config.
    pub config: ImageConfig,
    /// The index that it was found in: its digest and media type, and what it offers.
    pub index: Option<IndexView>,
}

/// The index that an image was found in.
#[derive(Clone, PartialEq, Debug)]
pub struct IndexView {
    /// Its digest.
    pub digest: Digest,
    /// Its media type.
    pub media_type: String,
    /// Its images, with those that are not in the store.
    pub entries: Vec<IndexEntry>,
    /// The bytes of all layers of images that are in the store, as stored, each once.
    pub size: u64,
}

/// One row of an image's history, newest first.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct HistoryRow {
    /// When, RFC 3339; empty where unknown.
    pub created: String,
    /// By what instruction.
    pub created_by: String,
    /// The size of its layer as stored, in bytes; 0 where it has none.
    pub size: u64,
    /// The comment.
    pub comment: String,
    /// The diff ID of its layer.
    pub diff_id: Option<Digest>,
}

/// Reads the documents of an image; of an index those of the image for `platform`, else of the first that is there.
///
/// # Errors
/// [`ImageError::Store`], [`ImageError::Document`], [`ImageError::EmptyIndex`].
pub fn read(store: &Store, record: &ImageRecord, platform: &Platform) -> Result<ImageView, ImageError> {
    let entries = match document(store, &record.manifest, Some(&record.media_type))? {
        Document::Manifest(manifest) => return with_config(store, record.manifest, manifest, None),
        Document::Index(entries) => entries,
    };
    let there = images(store, &entries)?;
    let offered: Vec<IndexEntry> = there.iter().map(|(entry, _)| entry.clone()).collect();
    let chosen = choose(&offered, platform).map(|entry| entry.descriptor.digest).ok();
    let mut sizes = BTreeMap::new();
    for (_, manifest) in &there {
        sizes.extend(manifest.layers.iter().map(|layer| (layer.digest, layer.size)));
    }
    let fits = |(entry, _): &(IndexEntry, Manifest)| chosen.is_none_or(|digest| digest == entry.descriptor.digest);
    let (entry, manifest) = there.into_iter().find(fits).ok_or(ImageError::EmptyIndex(record.manifest))?;
    let index = IndexView {
        digest: record.manifest,
        media_type: record.media_type.clone(),
        entries,
        size: sizes.values().sum(),
    };
    with_config(store, entry.descriptor.digest, manifest, Some(index))
}

/// Reads the parts of an image, of an index those of all its images that are there.
///
/// # Errors
/// As [`read`].
pub fn read_all(store: &Store, record: &ImageRecord) -> Result<StoredImage, ImageError> {
    let entries = match document(store, &record.manifest, Some(&record.media_type))? {
        Document::Manifest(manifest) => {
            let mut images = vec![parts(store, manifest, None, Vec::new())?];
            images[0].manifest = Some(BlobDescriptor {
                digest: record.manifest,
                size: record.manifest_size,
                media_type: record.media_type.clone(),
            });
            return Ok(StoredImage { images, index: false, index_annotations: BTreeMap::new() });
        }
        Document::Index(entries) => entries,
    };
    let mut stored = StoredImage { images: Vec::new(), index: true, index_annotations: BTreeMap::new() };
    let value: Value = serde_json::from_slice(&store.read_blob(&record.manifest, MAX_MANIFEST_SIZE)?)?;
    if let Some(annotations) = value.get("annotations").and_then(Value::as_object) {
        let text = |(key, value): (&String, &Value)| Some((key.clone(), value.as_str()?.to_owned()));
        stored.index_annotations = annotations.iter().filter_map(text).collect();
    }
    for (entry, manifest) in images(store, &entries)? {
        let about = |other: &&IndexEntry| {
            other.annotations.get(REFERENCE_DIGEST).is_some_and(|text| *text == entry.descriptor.digest.to_string())
        };
        let mut attestations = Vec::new();
        for other in entries.iter().filter(about).filter(|other| store.has_blob(&other.descriptor.digest)) {
            attestations.extend(stored_attestations(store, &other.descriptor.digest)?);
        }
        let mut parts = parts(store, manifest, entry.platform, attestations)?;
        parts.descriptor_annotations = entry.annotations;
        parts.manifest = Some(entry.descriptor);
        stored.images.push(parts);
    }
    if stored.images.is_empty() {
        return Err(ImageError::EmptyIndex(record.manifest));
    }
    Ok(stored)
}

fn document(store: &Store, digest: &Digest, media_type: Option<&str>) -> Result<Document, ImageError> {
    Ok(Document::parse(&store.read_blob(digest, MAX_MANIFEST_SIZE)?, media_type)?)
}

/// The images of an index that are in the store: manifest and config, at least. Nested indexes are followed.
fn images(store: &Store, entries: &[IndexEntry]) -> Result<Vec<(IndexEntry, Manifest)>, ImageError> {
    let mut found = Vec::new();
    let mut level: Vec<IndexEntry> = entries.to_vec();
    for _ in 0..MAX_INDEX_DEPTH {
        let mut next = Vec::new();
        for entry in level.drain(..) {
            let digest = &entry.descriptor.digest;
            if entry.annotations.contains_key(REFERENCE_DIGEST) || !store.has_blob(digest) {
                continue;
            }
            match document(store, digest, Some(&entry.descriptor.media_type)) {
                Ok(Document::Manifest(manifest)) if store.has_blob(&manifest.config.digest) => {
                    found.push((entry, manifest));
                }
                Ok(Document::Index(entries)) => next.extend(entries),
                // What is no image is nothing to look at here.
                Ok(Document::Manifest(_)) | Err(ImageError::Document(_)) => {}
                Err(error) => return Err(error),
            }
        }
        level = next;
    }
    Ok(found)
}

fn config_of(store: &Store, manifest: &Manifest) -> Result<(Vec<u8>, ImageConfig), ImageError> {
    let bytes = store.read_blob(&manifest.config.digest, MAX_CONFIG_SIZE)?;
    let config = check_config(&bytes, manifest)?;
    Ok((bytes, config))
}

fn with_config(
    store: &Store,
    digest: Digest,
    manifest: Manifest,
    index: Option<IndexView>,
) -> Result<ImageView, ImageError> {
    let (_, config) = config_of(store, &manifest)?;
    Ok(ImageView { digest, manifest, config, index })
}

fn parts(
    store: &Store,
    manifest: Manifest,
    platform: Option<Platform>,
    attestations: Vec<Attestation>,
) -> Result<ImageParts, ImageError> {
    let (config_bytes, config) = config_of(store, &manifest)?;
    Ok(ImageParts {
        platform: platform.unwrap_or_else(|| config.platform()),
        os_features: config.os_features,
        config_bytes,
        base_layers: manifest.layers.len(),
        layers: manifest.layers,
        layer_annotations: manifest.layer_annotations,
        diff_ids: config.rootfs.diff_ids,
        created: config.created.unwrap_or_default(),
        annotations: manifest.annotations,
        descriptor_annotations: BTreeMap::new(),
        attestations,
        manifest: None,
    })
}

/// The statements of an attestation manifest. It is no image, so that only its layers are looked at.
fn stored_attestations(store: &Store, digest: &Digest) -> Result<Vec<Attestation>, ImageError> {
    let value: Value = serde_json::from_slice(&store.read_blob(digest, MAX_MANIFEST_SIZE)?)?;
    let layers = value["layers"].as_array().cloned().unwrap_or_default();
    let read = |layer: &Value| {
        let digest: Digest = layer["digest"].as_str()?.parse().ok()?;
        let media_type = layer["mediaType"].as_str().filter(|text| *text == IN_TOTO)?.to_owned();
        let size = store.blob_size(&digest)?;
        let text = |(key, value): (&String, &Value)| Some((key.clone(), value.as_str()?.to_owned()));
        let annotations = layer["annotations"].as_object().into_iter().flatten().filter_map(text).collect();
        Some(Attestation::Stored { blob: BlobDescriptor { digest, size, media_type }, annotations })
    };
    Ok(layers.iter().filter_map(read).collect())
}

impl ImageView {
    /// Returns the size of all layers as stored, in bytes; of an index those of all its images.
    pub fn size(&self) -> u64 {
        match &self.index {
            Some(index) => index.size,
            None => self.manifest.layers.iter().map(|layer| layer.size).sum(),
        }
    }
}

/// Returns the history, newest first, with the layers' sizes.
pub fn history(image: &ImageView) -> Vec<HistoryRow> {
    let mut layers = image.manifest.layers.iter().zip(&image.config.rootfs.diff_ids);
    let mut rows: Vec<HistoryRow> = image
        .config
        .history
        .iter()
        .map(|entry| {
            let layer = if entry.empty_layer { None } else { layers.next() };
            HistoryRow {
                created: entry.created.clone().unwrap_or_default(),
                created_by: entry.created_by.clone(),
                size: layer.map_or(0, |(layer, _)| layer.size),
                comment: entry.comment.clone(),
                diff_id: layer.map(|(_, diff_id)| *diff_id),
            }
        })
        .collect();
    // Images of other tools may have layers that no entry speaks of.
    rows.extend(layers.map(|(layer, diff_id)| HistoryRow {
        created: String::new(),
        created_by: String::new(),
        size: layer.size,
        comment: String::new(),
        diff_id: Some(*diff_id),
    }));
    rows.reverse();
    rows
}
