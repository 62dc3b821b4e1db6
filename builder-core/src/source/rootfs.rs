//! A root filesystem as an image of one layer (`builder import`).

use std::io::Read;

use serde_json::json;

use super::{LoadedImage, SourceError};
use crate::cancel::CancelToken;
use crate::layer::compression::decompress;
use crate::oci::{History, ImageConfig, media_type};
use crate::platform::Platform;
use crate::reference::Reference;
use crate::snapshot::Snapshots;
use crate::store::ImageRecord;

/// What to import, and as what.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ImportRequest {
    /// The name of the image; without one it is kept under its ID.
    pub name: Option<Reference>,
    /// The comment of the history's only entry.
    pub message: String,
    /// Instructions that change the config, as [`super::apply_changes`] takes them.
    pub changes: Vec<String>,
    /// The platform of its programs.
    pub platform: Platform,
    /// When, RFC 3339.
    pub created: String,
}

/// Makes an image of a tar archive, in whatever compression, and gives it a name.
///
/// # Errors
/// [`SourceError::Name`] for a name with a digest, [`SourceError::Change`], [`SourceError::Read`] and [`SourceError::Snapshot`] for what is
/// no archive or cannot be unpacked.
pub fn import(
    request: &ImportRequest,
    reader: impl Read + Send,
    snapshots: &Snapshots,
    cancel: &CancelToken,
) -> Result<LoadedImage, SourceError> {
    if let Some(name) = &request.name {
        name.check_as_name()?;
    }
    let mut config = ImageConfig::empty(&request.platform);
    super::apply_changes(&mut config, &request.changes)?;
    let store = snapshots.store();
    let tar = decompress(reader).map_err(SourceError::Read)?;
    // The layer's blob is the archive itself, uncompressed: kept while it is unpacked.
    let mut tee = Tee { inner: tar, blob: store.blob_writer()? };
    let layer = snapshots.import(&mut tee, cancel)?;
    let (_, size) = tee.blob.finish_synced()?;
    if size == 0 {
        return Err(SourceError::EmptyArchive);
    }

    config.created = Some(request.created.clone());
    config.rootfs.diff_ids.push(layer.diff_id);
    config.history.push(History {
        created: Some(request.created.clone()),
        comment: request.message.clone(),
        ..History::default()
    });
    let damaged = |source| SourceError::Damaged { name: "config".to_owned(), source };
    let config_bytes = serde_json::to_vec(&config).map_err(damaged)?;
    let config_digest = store.write_blob(&config_bytes)?;
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": media_type::OCI_MANIFEST,
        "config": { "mediaType": media_type::OCI_CONFIG, "digest": config_digest, "size": config_bytes.len() },
        "layers": [{ "mediaType": media_type::OCI_LAYER, "digest": layer.diff_id, "size": size }],
    })
    .to_string();
    let manifest_digest = store.write_blob(manifest.as_bytes())?;
    let record = ImageRecord {
        name: request.name.as_ref().map(ToString::to_string).unwrap_or_default(),
        manifest: manifest_digest,
        manifest_size: manifest.len() as u64,
        media_type: media_type::OCI_MANIFEST.to_owned(),
        config: config_digest,
        created: request.created.clone(),
    };
    let names: Vec<String> = Some(&record.name).filter(|name| !name.is_empty()).cloned().into_iter().collect();
    if names.is_empty() {
        store.keep(&record)?;
    } else {
        store.tag(&record)?;
    }
    Ok(LoadedImage { names, manifest: manifest_digest, config: config_digest })
}

struct Tee<R> {
    inner: R,
    blob: crate::store::BlobWriter,
}

impl<R: Read> Read for Tee<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let count = self.inner.read(buffer)?;
        std::io::Write::write_all(&mut self.blob, &buffer[..count])?;
        Ok(count)
    }
}
