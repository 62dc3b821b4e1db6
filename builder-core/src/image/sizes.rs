//! How large layers are without compression, which is what docker calls the size of an image.

use std::io::Read;

use super::ImageError;
use super::view::{HistoryRow, ImageView, history};
use crate::cancel::CancelToken;
use crate::digest::Digest;
use crate::layer::compression::decompress;
use crate::oci::{BlobDescriptor, chain_ids};
use crate::store::{Store, StoreError};

/// The form under which the store remembers the size of a layer's tar.
const TAR_FORM: &str = "tar";
/// Bytes read between two looks at the cancellation token.
const BUFFER_BYTES: usize = 256 * 1024;

/// Returns the sizes of an image's layers without compression, bottom first, in bytes. What nobody knows is found out
/// by reading the blob once, and remembered. A layer that is not in the store has the size of its descriptor.
///
/// # Errors
/// [`ImageError::Store`], [`ImageError::Cancelled`].
pub fn layer_sizes(
    store: &Store,
    layers: &[BlobDescriptor],
    diff_ids: &[Digest],
    cancel: &CancelToken,
) -> Result<Vec<u64>, ImageError> {
    let chains = chain_ids(diff_ids);
    let places = layers.iter().zip(diff_ids).zip(&chains);
    places.map(|((layer, diff_id), chain)| layer_size(store, layer, diff_id, chain, cancel)).collect()
}

fn layer_size(
    store: &Store,
    layer: &BlobDescriptor,
    diff_id: &Digest,
    chain: &Digest,
    cancel: &CancelToken,
) -> Result<u64, ImageError> {
    if layer.digest == *diff_id {
        return Ok(layer.size);
    }
    if let Some(snapshot) = store.snapshot(chain)?.filter(|snapshot| snapshot.diff_id == *diff_id) {
        return Ok(snapshot.size);
    }
    if let Some((_, size)) = store.layer_form(diff_id, TAR_FORM)? {
        return Ok(size);
    }
    let blob = match store.open_blob(&layer.digest) {
        Err(StoreError::MissingBlob(_)) => return Ok(layer.size),
        other => other?,
    };
    match length(blob, cancel)? {
        Some(size) => {
            // Who may not write finds it out again.
            let _unwritable = store.note_layer_form(diff_id, TAR_FORM, diff_id, size);
            Ok(size)
        }
        None => Ok(layer.size),
    }
}

/// The length of a blob without compression; none of a damaged one.
fn length(blob: impl Read + Send, cancel: &CancelToken) -> Result<Option<u64>, ImageError> {
    let Ok(mut tar) = decompress(blob) else { return Ok(None) };
    let mut buffer = vec![0; BUFFER_BYTES];
    let mut size = 0;
    loop {
        cancel.check()?;
        match tar.read(&mut buffer) {
            Ok(0) => return Ok(Some(size)),
            Ok(count) => size += count as u64,
            Err(_) => return Ok(None),
        }
    }
}

/// Returns the history, newest first, with the sizes of the layers without compression.
///
/// # Errors
/// As [`layer_sizes`].
pub fn history_with_sizes(
    store: &Store,
    image: &ImageView,
    cancel: &CancelToken,
) -> Result<Vec<HistoryRow>, ImageError> {
    let sizes = layer_sizes(store, &image.manifest.layers, &image.config.rootfs.diff_ids, cancel)?;
    let mut rows = history(image);
    let with_layer = rows.iter_mut().filter(|row| row.diff_id.is_some());
    for (row, size) in with_layer.zip(sizes.into_iter().rev()) {
        row.size = size;
    }
    Ok(rows)
}
