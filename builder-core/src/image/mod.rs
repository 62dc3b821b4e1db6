//! Assembles an image: config with history and times, manifest, and its record in the store.
//!
//! Spec: OCI image-spec 1.1, config.md and manifest.md; times and history as dockerfile-semantics 8.

mod view;

use serde::Serialize;

pub use view::{HistoryRow, ImageView, history, inspect, read};

use crate::digest::Digest;
use crate::oci::{BlobDescriptor, DocumentError, History, ImageConfig, media_type};
use crate::reference::Reference;
use crate::snapshot::SnapshotError;
use crate::store::{ImageRecord, Store, StoreError};

/// The comment of every history entry that a Dockerfile makes, as BuildKit writes it.
const COMMENT: &str = "buildkit.dockerfile.v0";

/// An image could not be put together or read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ImageError {
    /// A document could not be written as JSON.
    #[error("cannot write the image's documents")]
    Json(#[from] serde_json::Error),
    /// A document of the store cannot be used.
    #[error(transparent)]
    Document(#[from] DocumentError),
    /// A time is outside of what can be written.
    #[error("time {0} cannot be written as a date")]
    Time(i64),
    /// A layer could not be written.
    #[error(transparent)]
    Snapshot(#[from] SnapshotError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A history entry about to be written.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NewHistory {
    /// `created_by`.
    pub created_by: String,
    /// When its layer was made, seconds and nanoseconds since 1970; `None` for entries without a layer.
    pub layer_created: Option<(i64, u32)>,
}

/// What to make an image of.
#[derive(Clone, PartialEq, Debug)]
pub struct AssembleRequest {
    /// The config, with history and diff IDs of the base.
    pub config: ImageConfig,
    /// The layers of the base, bottom first, as its manifest names them.
    pub base_layers: Vec<BlobDescriptor>,
    /// The layers of this build: diff ID, and size of the tar in bytes.
    pub layers: Vec<(Digest, u64)>,
    /// The history of this build.
    pub history: Vec<NewHistory>,
    /// The time of everything made by this build, seconds since 1970, where one was given.
    pub source_date_epoch: Option<i64>,
}

/// A complete image.
#[derive(Clone, PartialEq, Debug)]
pub struct AssembledImage {
    /// The config document.
    pub config_bytes: Vec<u8>,
    /// Its digest.
    pub config: Digest,
    /// The manifest document.
    pub manifest_bytes: Vec<u8>,
    /// Its digest.
    pub manifest: Digest,
    /// When the image was made, RFC 3339; empty where unknown.
    pub created: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ManifestDocument<'d> {
    schema_version: u32,
    media_type: &'d str,
    config: DescriptorDocument<'d>,
    layers: Vec<DescriptorDocument<'d>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct DescriptorDocument<'d> {
    media_type: &'d str,
    digest: Digest,
    size: u64,
}

/// Writes a point in time as Go's `RFC3339Nano` does: no trailing zeros, `Z`.
///
/// # Errors
/// [`ImageError::Time`] outside of the years that RFC 3339 can name.
pub fn rfc3339((seconds, nanoseconds): (i64, u32)) -> Result<String, ImageError> {
    let nanoseconds = i32::try_from(nanoseconds).unwrap_or(0);
    jiff::Timestamp::new(seconds, nanoseconds).map(|time| time.to_string()).map_err(|_| ImageError::Time(seconds))
}

/// Puts config, history and manifest together.
///
/// # Errors
/// [`ImageError::Time`], [`ImageError::Json`].
pub fn assemble(request: &AssembleRequest) -> Result<AssembledImage, ImageError> {
    let mut config = request.config.clone();
    let epoch = request.source_date_epoch.map(|seconds| (seconds, 0));
    // Entries without a layer take the time of the layer before them, the first ones that of the first layer.
    let mut time = request.history.iter().find_map(|entry| entry.layer_created);
    for entry in &request.history {
        time = entry.layer_created.or(time);
        let created = epoch.or(time).map(rfc3339).transpose()?;
        config.history.push(History {
            created,
            created_by: entry.created_by.clone(),
            comment: COMMENT.to_owned(),
            empty_layer: entry.layer_created.is_none(),
            ..History::default()
        });
    }
    config.rootfs.diff_ids.extend(request.layers.iter().map(|(diff_id, _)| *diff_id));
    if config.created.is_none() {
        config.created = config.history.iter().rev().find_map(|entry| entry.created.clone());
    }
    if config.created.is_none() {
        config.created = epoch.map(rfc3339).transpose()?;
    }
    let config_bytes = serde_json::to_vec(&config)?;
    let config_digest = Digest::of(&config_bytes);
    let ours = request.layers.iter().map(|(digest, size)| DescriptorDocument {
        media_type: media_type::OCI_LAYER,
        digest: *digest,
        size: *size,
    });
    let base = request.base_layers.iter().map(|layer| DescriptorDocument {
        media_type: &layer.media_type,
        digest: layer.digest,
        size: layer.size,
    });
    let manifest = ManifestDocument {
        schema_version: 2,
        media_type: media_type::OCI_MANIFEST,
        config: DescriptorDocument {
            media_type: media_type::OCI_CONFIG,
            digest: config_digest,
            size: config_bytes.len() as u64,
        },
        layers: base.chain(ours).collect(),
    };
    let manifest_bytes = serde_json::to_vec(&manifest)?;
    let created = config.created.unwrap_or_default();
    let manifest = Digest::of(&manifest_bytes);
    Ok(AssembledImage { config_bytes, config: config_digest, manifest_bytes, manifest, created })
}

impl AssembledImage {
    /// Returns the record of the image under a name, or without one.
    pub fn record(&self, name: Option<&Reference>) -> ImageRecord {
        ImageRecord {
            name: name.map(ToString::to_string).unwrap_or_default(),
            manifest: self.manifest,
            manifest_size: self.manifest_bytes.len() as u64,
            media_type: media_type::OCI_MANIFEST.to_owned(),
            config: self.config,
            created: self.created.clone(),
        }
    }
}

/// Writes an image's documents into the store, and gives it names.
///
/// # Errors
/// [`ImageError::Store`].
pub fn write(store: &Store, image: &AssembledImage, names: &[Reference]) -> Result<Vec<String>, ImageError> {
    store.write_blob(&image.config_bytes)?;
    store.write_blob(&image.manifest_bytes)?;
    let mut written = Vec::new();
    for name in names {
        let record = image.record(Some(name));
        // A name that already is this image's costs nothing.
        if store.image(name)?.as_ref() != Some(&record) {
            store.tag(&record)?;
        }
        written.push(record.name);
    }
    Ok(written)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::platform::Platform;

    fn request(epoch: Option<i64>) -> AssembleRequest {
        let entry = |created_by: &str, layer_created| NewHistory { created_by: created_by.to_owned(), layer_created };
        AssembleRequest {
            config: ImageConfig::empty(&Platform::new("linux", "amd64", None)),
            base_layers: Vec::new(),
            layers: vec![(Digest::of(b"one"), 3), (Digest::of(b"two"), 4)],
            history: vec![
                entry("ENV A=1", None),
                entry("RUN one", Some((100, 500_000_000))),
                entry("LABEL x=y", None),
                entry("RUN two", Some((200, 0))),
                entry("CMD [\"x\"]", None),
            ],
            source_date_epoch: epoch,
        }
    }

    #[test]
    fn entries_without_a_layer_take_the_time_of_their_neighbours() {
        let image = assemble(&request(None)).unwrap();
        let config: ImageConfig = serde_json::from_slice(&image.config_bytes).unwrap();
        let times: Vec<_> = config.history.iter().map(|entry| entry.created.as_deref().unwrap()).collect();
        let (first, second) = ("1970-01-01T00:01:40.5Z", "1970-01-01T00:03:20Z");
        assert_eq!(times, [first, first, first, second, second]);
        assert_eq!(config.created.as_deref(), Some(second));
        assert_eq!(config.history.iter().filter(|entry| !entry.empty_layer).count(), config.rootfs.diff_ids.len());
    }

    #[test]
    fn an_epoch_replaces_every_time() {
        let image = assemble(&request(Some(7))).unwrap();
        let config: ImageConfig = serde_json::from_slice(&image.config_bytes).unwrap();
        assert!(config.history.iter().all(|entry| entry.created.as_deref() == Some("1970-01-01T00:00:07Z")));
        assert_eq!(image.created, "1970-01-01T00:00:07Z");
    }
}
