//! Filesystems that come from outside: images, and programs of this machine.

use std::sync::Arc;

use super::{Outcome, Step};
use crate::cache::{FilesystemContent, KeyBuilder};
use crate::event::{Event, ProgressUnit};
use crate::plan::op::{HostOp, ImageOp};
#[cfg(feature = "registry")]
use crate::snapshot::{BlobProgress, LayerSource, LayerSourceError};
use crate::solve::{StepError, StepResult};
#[cfg(feature = "registry")]
use crate::source::Origin;
use crate::source::{Resolved, host};

impl Step<'_, '_> {
    /// An image needs nothing but its layers as snapshots; which ones they are was known before planning.
    pub(super) fn image(&self, op: &ImageOp) -> Outcome<StepResult> {
        let Some(image) = self.inputs.images.get(&op.image) else {
            return Err(StepError::MissingInput(op.image.name.clone()).into());
        };
        let diff_ids: Arc<[_]> = image.config.rootfs.diff_ids.iter().copied().collect();
        let mut result = StepResult {
            content: FilesystemContent::of_image(&diff_ids),
            cached: crate::source::is_fetched(image, self.solver.snapshots)?,
            diff_ids,
            layer: None,
            keys: Arc::from([]),
        };
        if !result.cached && self.defer(image) {
            result.cached = true;
        }
        if !result.cached {
            let mut key = KeyBuilder::new("image");
            for diff_id in result.diff_ids.iter() {
                key.digest("layer", diff_id.as_bytes());
            }
            let _lock = self.lock_or_wait(&key.finish().0)?;
            // Somebody else may have fetched it meanwhile.
            if crate::source::is_fetched(image, self.solver.snapshots)? {
                result.cached = true;
                return Ok(result);
            }
            self.started();
            let progress = |digest: &crate::digest::Digest, current: u64, total: u64| {
                self.solver.events.emit(Event::StepProgress {
                    id: self.vertex.id,
                    item: digest.to_string(),
                    current,
                    total: Some(total),
                    unit: ProgressUnit::Bytes,
                });
            };
            crate::source::fetch(image, self.solver.snapshots, &progress, self.cancel)?;
        }
        self.explainer.external(self.vertex.id, &result);
        Ok(result)
    }

    /// Leaves the layers of an image where they are until a step looks into them: with a shared cache that may be
    /// never.
    #[cfg(feature = "registry")]
    fn defer(&self, image: &Resolved) -> bool {
        let Origin::Registry(client) = &image.origin else { return false };
        let diff_ids = &image.config.rootfs.diff_ids;
        if self.solver.shared.is_none() || diff_ids.len() != image.layers.len() {
            return false;
        }
        for (diff_id, blob) in diff_ids.iter().zip(&image.layers) {
            let layer = ImageLayer { blob: blob.clone(), origin: image.display.clone(), client: Arc::clone(client) };
            self.solver.snapshots.expect(*diff_id, Arc::new(layer));
        }
        true
    }

    #[cfg(not(feature = "registry"))]
    #[expect(clippy::unused_self, reason = "the other one needs it")]
    fn defer(&self, _: &Resolved) -> bool {
        false
    }

    pub(super) fn host(&self, op: &HostOp) -> Outcome<StepResult> {
        let tree = host::collect(&op.programs, &self.solver.options.host_search_path)?;
        let mut key = KeyBuilder::new("host");
        key.number("source date epoch", self.solver.options.source_date_epoch)
            .list("program", op.programs.iter().map(String::as_str))
            .digest("files", &tree.identity()?);
        let keys = [key.finish()];
        let parent = StepResult::empty();
        if let Some(result) = self.cached(&keys[0], &parent)? {
            return Ok(result);
        }
        self.unless_another_does(&keys, &parent, || {
            self.missed(&keys, None);
            let active = self.begin(&parent)?;
            host::install(&tree, active.upper())?;
            self.commit(active, &parent, &keys)
        })
    }
}

/// A layer of an image in a registry.
#[cfg(feature = "registry")]
#[derive(Debug)]
struct ImageLayer {
    blob: crate::oci::BlobDescriptor,
    origin: String,
    client: Arc<crate::registry::Client>,
}

#[cfg(feature = "registry")]
impl LayerSource for ImageLayer {
    fn blob(&self) -> &crate::oci::BlobDescriptor {
        &self.blob
    }

    fn origin(&self) -> &str {
        &self.origin
    }

    fn content(&self) -> Option<crate::layer::ContentId> {
        None
    }

    fn cache(&self) -> Option<usize> {
        None
    }

    fn is_named(&self) -> bool {
        true
    }

    fn address(&self) -> Option<crate::store::LayerAddress> {
        Some(crate::store::LayerAddress::Registry(self.client.reference().to_string()))
    }

    fn fetch(
        &self,
        store: &crate::store::Store,
        progress: &BlobProgress<'_>,
        cancel: &crate::cancel::CancelToken,
    ) -> Result<(), LayerSourceError> {
        Ok(self.client.blobs(std::slice::from_ref(&self.blob), store, progress, cancel)?)
    }
}
