//! Brings an image's layers into the store, as blobs and as files.

use std::io::Read;

use super::{Origin, Resolved, SourceError};
use crate::cancel::CancelToken;
use crate::digest::Digest;
use crate::fs::root::RootDir;
use crate::layer::compression::decompress;
use crate::layer::read_ahead;
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
    Ok(snapshots.has(&image.config.rootfs.diff_ids)?
        && (image.origin == Origin::Store || has_blobs(image, snapshots.store())?))
}

/// Tells whether there is nothing to fetch of what an image came in.
///
/// # Errors
/// [`SourceError`] where the store fails.
pub fn has_blobs(image: &Resolved, store: &Store) -> Result<bool, SourceError> {
    let all = image.layers.iter().all(|layer| store.has_whole_blob(&layer.digest, layer.size));
    Ok(match &image.origin {
        Origin::Store | Origin::Layout(_) => all,
        #[cfg(feature = "registry")]
        Origin::Registry(client) => {
            let known = store.image(client.reference())?;
            let index = image.index.as_ref().map(|index| index.digest);
            all && known.is_some_and(|known| known.manifest == image.manifest || Some(known.manifest) == index)
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
    let lay_out = |index: usize| -> Result<(), SourceError> {
        let layer = &image.layers[index];
        if !snapshots.has(&diff_ids[..=index])? {
            unpack(index, layer, diff_ids, snapshots, cancel).map_err(|error| blamed(image, layer, error))?;
        }
        Ok(())
    };
    #[cfg(feature = "registry")]
    if let Origin::Registry(client) = &image.origin {
        return super::remote::fetch_layers(image, client, snapshots.store(), progress, cancel, &lay_out);
    }
    for (index, layer) in image.layers.iter().enumerate() {
        cancel.check()?;
        fetch_blob(image, layer, snapshots.store(), cancel)?;
        progress(&layer.digest, layer.size, layer.size);
        lay_out(index)?;
    }
    Ok(())
}

/// Makes sure that every layer of an image of a registry is there as a blob; nothing is unpacked before somebody looks
/// into it.
///
/// # Errors
/// [`SourceError`] where a blob cannot be had or is not what its digest says.
#[cfg(feature = "registry")]
pub fn fetch_blobs(
    image: &Resolved,
    store: &Store,
    progress: &Progress<'_>,
    cancel: &CancelToken,
) -> Result<(), SourceError> {
    match &image.origin {
        Origin::Registry(client) => super::remote::fetch_layers(image, client, store, progress, cancel, &|_| Ok(())),
        Origin::Store | Origin::Layout(_) => {
            image.layers.iter().try_for_each(|layer| fetch_blob(image, layer, store, cancel))
        }
    }
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
    let lay_out = |tar: &mut (dyn Read + Send)| snapshots.unpack(&diff_ids[..index], &diff_ids[index], tar, cancel);
    read_ahead(&mut tar, lay_out).map_err(SourceError::Read)??;
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
        // Its client fetches several at the same time.
        #[cfg(feature = "registry")]
        Origin::Registry(_) => Ok(()),
        Origin::Layout(directory) => {
            let mut file = RootDir::open(directory)?.open_file(&super::layout::blob_name(&layer.digest))?;
            Ok(store.ingest(&layer.digest, layer.size, &mut file, cancel)?)
        }
    }
}
