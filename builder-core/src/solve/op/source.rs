//! Filesystems that come from outside: images, and programs of this machine.

use std::sync::Arc;

use super::{Outcome, Step};
use crate::cache::{FilesystemContent, KeyBuilder};
use crate::event::{Event, ProgressUnit};
use crate::plan::op::{HostOp, ImageOp};
use crate::solve::{StepError, StepResult};
use crate::source::host;

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
        };
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

    pub(super) fn host(&self, op: &HostOp) -> Outcome<StepResult> {
        let tree = host::collect(&op.programs, &self.solver.options.host_search_path)?;
        let mut key = KeyBuilder::new("host");
        key.number("source date epoch", self.solver.options.source_date_epoch)
            .list("program", op.programs.iter().map(String::as_str))
            .digest("files", &tree.identity()?);
        let keys = [key.finish()];
        let parent = StepResult::empty();
        if let Some(result) = self.cached(&keys[0].0, &parent)? {
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
