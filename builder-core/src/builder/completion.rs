//! Layers of an image of the store that the store does not have.
//!
//! An image that was built without a name, with a shared cache, needs none of its layers. Who wants to do something
//! with it later does.

use super::{BuildError, Builder};
use crate::cancel::CancelToken;
use crate::digest::Digest;
use crate::image::{self, ImageError, ImageParts};
use crate::snapshot::SnapshotError;
use crate::store::ImageRecord;

impl Builder {
    /// Makes sure that the layers of an image are here, as files or as blobs; one that is not is fetched from where it
    /// was when the image was built.
    ///
    /// # Errors
    /// [`super::BuildErrorKind::Image`] where one cannot be had any more.
    pub fn complete(&self, image: &ImageRecord, cancel: &CancelToken) -> Result<(), BuildError> {
        let _hold = self.store.hold();
        for part in image::read_all(&self.store, image)?.images {
            if self.missing(&part).map_err(ImageError::from)?.is_none() {
                continue;
            }
            crate::source::recall(
                &self.snapshots,
                &part.diff_ids,
                #[cfg(feature = "registry")]
                &self.registry,
            )
            .and_then(|()| self.snapshots.bring_from_elsewhere(&part.diff_ids, &|_, _, _| {}, cancel))
            .map_err(ImageError::from)?;
            if let Some(diff_id) = self.missing(&part).map_err(ImageError::from)? {
                return Err(ImageError::from(SnapshotError::Missing { diff_id }).into());
            }
        }
        Ok(())
    }

    /// A layer that is here in no form.
    fn missing(&self, part: &ImageParts) -> Result<Option<Digest>, SnapshotError> {
        for (index, layer) in part.layers.iter().enumerate() {
            let chain = part.diff_ids.get(..=index).unwrap_or_default();
            if !self.store.has_blob(&layer.digest) && !self.snapshots.has_last(chain)? {
                return Ok(part.diff_ids.get(index).copied());
            }
        }
        Ok(None)
    }
}
