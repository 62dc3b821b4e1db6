//! Images of the store as people look at them.

use serde::Serialize;
use serde_json::{Value, json};

use super::ImageError;
use crate::digest::Digest;
use crate::oci::{Document, ImageConfig, MAX_CONFIG_SIZE, MAX_MANIFEST_SIZE, Manifest, check_config};
use crate::reference::Reference;
use crate::store::{ImageRecord, Store};

/// An image with its documents.
#[derive(Clone, PartialEq, Debug)]
pub struct ImageView {
    /// The digest of the manifest.
    pub digest: Digest,
    /// The manifest.
    pub manifest: Manifest,
    /// The config.
    pub config: ImageConfig,
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

/// Reads the documents of an image.
///
/// # Errors
/// [`ImageError::Store`], [`ImageError::Document`].
pub fn read(store: &Store, record: &ImageRecord) -> Result<ImageView, ImageError> {
    let bytes = store.read_blob(&record.manifest, MAX_MANIFEST_SIZE)?;
    let manifest = match Document::parse(&bytes, Some(&record.media_type))? {
        Document::Manifest(manifest) => manifest,
        Document::Index(_) => return Err(crate::store::StoreError::MissingBlob(record.config).into()),
    };
    let config = check_config(&store.read_blob(&manifest.config.digest, MAX_CONFIG_SIZE)?, &manifest)?;
    Ok(ImageView { digest: record.manifest, manifest, config })
}

impl ImageView {
    /// Returns the size of all layers as stored, in bytes.
    pub fn size(&self) -> u64 {
        self.manifest.layers.iter().map(|layer| layer.size).sum()
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

/// Describes an image in the shape of `docker image inspect`.
pub fn inspect(image: &ImageView, names: &[String]) -> Value {
    let references: Vec<Reference> = names.iter().filter_map(|name| name.parse().ok()).collect();
    let tagged = references.iter().filter(|reference| reference.digest().is_none());
    let tags: Vec<String> = tagged.map(Reference::familiar).collect();
    let mut digests: Vec<String> =
        references.iter().map(|reference| format!("{}@{}", reference.familiar_name(), image.digest)).collect();
    digests.dedup();
    json!({
        "Id": image.manifest.config.digest,
        "RepoTags": tags,
        "RepoDigests": digests,
        "Created": image.config.created,
        "Author": image.config.author,
        "Config": image.config.config,
        "Architecture": image.config.architecture,
        "Variant": image.config.variant,
        "Os": image.config.os,
        "Size": image.size(),
        "RootFS": { "Type": "layers", "Layers": image.config.rootfs.diff_ids },
        "Descriptor": {
            "mediaType": image.manifest.media_type,
            "digest": image.digest,
        },
    })
}
