//! Images into the store.

use std::fs::File;

use super::ImageError;
use super::layers::Content;
use super::render::Rendered;
use crate::cancel::CancelToken;
use crate::fs::PathContext;
use crate::snapshot::Snapshots;
use crate::store::ImageRecord;

/// Writes an image's documents into the store and gives it names; without names it is kept without. What has a name
/// is complete in the store, for any tool that reads it as a layout: then layers are written as blobs, too.
///
/// # Errors
/// [`ImageError::Store`], [`ImageError::Snapshot`].
pub fn write(
    snapshots: &Snapshots,
    image: &Rendered,
    names: &[String],
    cancel: &CancelToken,
) -> Result<(), ImageError> {
    let store = snapshots.store();
    for (digest, content) in &image.blobs {
        cancel.check()?;
        match content {
            Content::Bytes(bytes) => {
                store.write_blob(bytes)?;
            }
            Content::File(path, size) if !store.has_whole_blob(digest, *size) => {
                let mut file = File::open(path).at("open", path)?;
                store.ingest(digest, *size, &mut file, cancel)?;
            }
            Content::Stored { chain, size } if !names.is_empty() && !store.has_whole_blob(digest, *size) => {
                snapshots.ensure_blob(chain, cancel)?;
            }
            Content::File(..) | Content::Stored { .. } => {}
        }
    }
    let record = |name: &str| ImageRecord {
        name: name.to_owned(),
        manifest: image.descriptor.digest,
        manifest_size: image.descriptor.size,
        media_type: image.descriptor.media_type.clone(),
        config: image.id(),
        created: image.created.clone(),
    };
    let mut changed = Vec::new();
    for name in names {
        let record = record(name);
        // A name that already is this image's costs nothing.
        let known = name.parse().ok().map(|reference| store.image(&reference)).transpose()?.flatten();
        if known.as_ref() != Some(&record) || !store.shows(&record) {
            changed.push(record);
        }
    }
    store.tag_all(&changed)?;
    if names.is_empty() {
        store.keep(&record(""))?;
    }
    Ok(())
}
