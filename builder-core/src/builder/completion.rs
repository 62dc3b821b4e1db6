//! Layers of an image of the store that the store does not have.
//!
//! An image that was built without a name, with a shared cache, needs none of its layers; neither does one of a
//! registry that was put on a list. Who wants to do something with it later does.

use super::{BuildError, Builder};
use crate::cancel::CancelToken;
use crate::digest::Digest;
use crate::image::{self, ImageError};
use crate::oci::BlobDescriptor;
use crate::platform::Platform;
use crate::snapshot::SnapshotError;
use crate::store::ImageRecord;

/// The layers of one image.
struct Layers {
    /// As an index or registry names them, bottom first.
    blobs: Vec<BlobDescriptor>,
    diff_ids: Vec<Digest>,
}

impl Builder {
    /// Makes sure that the layers of an image are here, as files or as blobs; one that is not is fetched from where it
    /// was when the image was built, or from a registry that is known to have it. Of an index it is all its images.
    ///
    /// # Errors
    /// [`super::BuildErrorKind::Image`], [`super::BuildErrorKind::Source`] where one cannot be had any more.
    pub fn complete(&self, image: &ImageRecord, cancel: &CancelToken) -> Result<(), BuildError> {
        let _hold = self.store.hold();
        for part in image::read_all(&self.store, image)?.images {
            self.complete_one(&Layers { blobs: part.layers, diff_ids: part.diff_ids }, cancel)?;
        }
        Ok(())
    }

    /// Does the same for the image of an index that is for a platform, without one the first.
    ///
    /// # Errors
    /// As with [`Builder::complete`].
    pub fn complete_for(
        &self,
        image: &ImageRecord,
        platform: &Platform,
        cancel: &CancelToken,
    ) -> Result<(), BuildError> {
        let _hold = self.store.hold();
        let view = image::read(&self.store, image, platform)?;
        self.complete_one(&Layers { blobs: view.manifest.layers, diff_ids: view.config.rootfs.diff_ids }, cancel)
    }

    fn complete_one(&self, layers: &Layers, cancel: &CancelToken) -> Result<(), BuildError> {
        if self.missing(layers).map_err(ImageError::from)?.is_empty() {
            return Ok(());
        }
        crate::source::recall(
            &self.snapshots,
            &layers.diff_ids,
            #[cfg(feature = "registry")]
            &self.registry,
        )
        .and_then(|()| self.snapshots.bring_from_elsewhere(&layers.diff_ids, &|_, _, _| {}, cancel))
        .map_err(ImageError::from)?;
        #[cfg(feature = "registry")]
        {
            let missing = self.missing(layers).map_err(ImageError::from)?;
            let blobs: Vec<BlobDescriptor> = missing.into_iter().map(|(blob, _)| blob.clone()).collect();
            crate::source::fetch_from_known_places(&self.store, &blobs, &self.registry, cancel)?;
        }
        match self.missing(layers).map_err(ImageError::from)?.first() {
            None => Ok(()),
            Some((_, diff_id)) => Err(ImageError::from(SnapshotError::Missing { diff_id: **diff_id }).into()),
        }
    }

    /// The layers that are here in no form.
    fn missing<'l>(&self, layers: &'l Layers) -> Result<Vec<(&'l BlobDescriptor, &'l Digest)>, SnapshotError> {
        let mut missing = Vec::new();
        for (index, (blob, diff_id)) in layers.blobs.iter().zip(&layers.diff_ids).enumerate() {
            let chain = layers.diff_ids.get(..=index).unwrap_or_default();
            if !self.store.has_blob(&blob.digest) && !self.snapshots.has_last(chain)? {
                missing.push((blob, diff_id));
            }
        }
        Ok(missing)
    }
}
