//! Brings an image's layers into the store, as blobs and as files.

use super::{Origin, Resolved, SourceError};
use crate::cancel::CancelToken;
use crate::digest::Digest;
use crate::fs::root::RootDir;
use crate::layer::compression::decompress;
use crate::oci::BlobDescriptor;
use crate::snapshot::Snapshots;
use crate::store::Store;

/// Is told how far a blob is: its digest, bytes so far, bytes in all.
pub type Progress<'p> = dyn Fn(&Digest, u64, u64) + Sync + 'p;

/// Tells whether there is nothing to fetch: every layer is there as files and, for images from elsewhere, as the
/// blob that it came in, which is needed again when the image is built upon and written out.
///
/// # Errors
/// [`SourceError`] where the store fails.
pub fn is_fetched(image: &Resolved, snapshots: &Snapshots) -> Result<bool, SourceError> {
    if !snapshots.has(&image.config.rootfs.diff_ids)? {
        return Ok(false);
    }
    let blobs = || image.layers.iter().all(|layer| snapshots.store().has_whole_blob(&layer.digest, layer.size));
    Ok(match &image.origin {
        Origin::Store => true,
        Origin::Layout(_) => blobs(),
        #[cfg(feature = "registry")]
        Origin::Registry(client) => {
            let known = snapshots.store().image(client.reference())?;
            let index = image.index.as_ref().map(|index| index.digest);
            blobs() && known.is_some_and(|known| known.manifest == image.manifest || Some(known.manifest) == index)
        }
    })
}

/// Makes sure that every layer of an image is there as a blob and as files.
///
/// # Errors
/// [`SourceError`] where a blob cannot be had or is not what its digest says, or a layer cannot be unpacked.
pub fn fetch(
    image: &Resolved,
    snapshots: &Snapshots,
    progress: &Progress<'_>,
    cancel: &CancelToken,
) -> Result<(), SourceError> {
    let diff_ids = &image.config.rootfs.diff_ids;
    if diff_ids.len() != image.layers.len() {
        return Err(SourceError::LayerCount { layers: image.layers.len(), diff_ids: diff_ids.len() });
    }
    #[cfg(feature = "registry")]
    if let Origin::Registry(client) = &image.origin {
        super::remote::fetch_layers(image, client, snapshots.store(), progress, cancel)?;
    }
    for (index, layer) in image.layers.iter().enumerate() {
        cancel.check()?;
        fetch_blob(image, layer, snapshots.store(), cancel)?;
        progress(&layer.digest, layer.size, layer.size);
        if !snapshots.has(&diff_ids[..=index])? {
            unpack(index, layer, diff_ids, snapshots, cancel).map_err(|error| blamed(image, layer, error))?;
        }
    }
    Ok(())
}

fn unpack(
    index: usize,
    layer: &BlobDescriptor,
    diff_ids: &[Digest],
    snapshots: &Snapshots,
    cancel: &CancelToken,
) -> Result<(), SourceError> {
    let blob = snapshots.store().open_blob(&layer.digest)?;
    let mut tar = decompress(blob).map_err(SourceError::Read)?;
    snapshots.unpack(&diff_ids[..index], &diff_ids[index], &mut tar, cancel)?;
    Ok(())
}

/// Who is to blame for a layer that is what its digest says, and no layer: the registry that it came from.
fn blamed(image: &Resolved, layer: &BlobDescriptor, error: SourceError) -> SourceError {
    match image.origin.registry_image() {
        Some(name) if error.is_content() => SourceError::Layer { name, digest: layer.digest, source: Box::new(error) },
        _ => error,
    }
}

fn fetch_blob(
    image: &Resolved,
    layer: &BlobDescriptor,
    store: &Store,
    cancel: &CancelToken,
) -> Result<(), SourceError> {
    if store.has_whole_blob(&layer.digest, layer.size) {
        return Ok(());
    }
    match &image.origin {
        // A layer of ours that is only there as files needs no blob.
        Origin::Store => Ok(()),
        #[cfg(feature = "registry")]
        Origin::Registry(_) => Ok(()),
        Origin::Layout(directory) => {
            let mut file = RootDir::open(directory)?.open_file(&super::layout::blob_name(&layer.digest))?;
            Ok(store.ingest(&layer.digest, layer.size, &mut file, cancel)?)
        }
    }
}
