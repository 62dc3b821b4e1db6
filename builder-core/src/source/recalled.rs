//! Layers of images that were built with a shared cache and without a name: where they were then.

use std::path::Path;
use std::sync::Arc;

use crate::cancel::CancelToken;
use crate::digest::Digest;
use crate::fs::root::RootDir;
use crate::layer::ContentId;
use crate::oci::BlobDescriptor;
use crate::snapshot::{BlobProgress, LayerSource, LayerSourceError, SnapshotError, Snapshots};
use crate::store::{LayerAddress, LayerOrigin, Store};

/// Says of the layers of a chain where they were when an image with them was built.
///
/// # Errors
/// [`SnapshotError::Store`].
pub fn recall(
    snapshots: &Snapshots,
    diff_ids: &[Digest],
    #[cfg(feature = "registry")] registry: &crate::registry::RegistryOptions,
) -> Result<(), SnapshotError> {
    for diff_id in diff_ids.iter().filter(|diff_id| snapshots.source_of(diff_id).is_none()) {
        if let Some(origin) = snapshots.store().origin(diff_id)? {
            let layer = RecalledLayer {
                origin,
                #[cfg(feature = "registry")]
                registry: registry.clone(),
            };
            snapshots.expect(*diff_id, Arc::new(layer));
        }
    }
    Ok(())
}

#[derive(Debug)]
struct RecalledLayer {
    origin: LayerOrigin,
    #[cfg(feature = "registry")]
    registry: crate::registry::RegistryOptions,
}

impl LayerSource for RecalledLayer {
    fn blob(&self) -> &BlobDescriptor {
        &self.origin.blob
    }

    fn origin(&self) -> &str {
        match &self.origin.address {
            LayerAddress::Registry(place) | LayerAddress::Layout(place) => place,
        }
    }

    fn content(&self) -> Option<ContentId> {
        self.origin.content
    }

    fn cache(&self) -> Option<usize> {
        None
    }

    fn is_named(&self) -> bool {
        true
    }

    fn address(&self) -> Option<LayerAddress> {
        Some(self.origin.address.clone())
    }

    fn fetch(&self, store: &Store, progress: &BlobProgress<'_>, cancel: &CancelToken) -> Result<(), LayerSourceError> {
        let blob = &self.origin.blob;
        match &self.origin.address {
            LayerAddress::Layout(directory) => {
                let root = RootDir::open(Path::new(directory))?;
                let mut file = root.open_file(&super::layout::blob_name(&blob.digest))?;
                Ok(store.ingest(&blob.digest, blob.size, &mut file, cancel)?)
            }
            #[cfg(feature = "registry")]
            LayerAddress::Registry(name) => {
                let client = crate::registry::Client::new(&name.parse()?, &self.registry)?;
                Ok(client.blobs(std::slice::from_ref(blob), store, progress, cancel)?)
            }
            #[cfg(not(feature = "registry"))]
            LayerAddress::Registry(_) => {
                let _ = progress;
                Err(super::SourceError::Unsupported("registries").into())
            }
        }
    }
}
