//! `WORKDIR`: a directory that must exist.

use std::path::Path;

use super::{Outcome, Step, root_of};
use crate::copy::make_workdir;
use crate::fs::accounts::resolve_user;
use crate::plan::op::WorkdirOp;
use crate::solve::{StepError, StepResult};

impl Step<'_, '_> {
    pub(super) fn workdir(&self, op: &WorkdirOp) -> Outcome<StepResult> {
        let parent = self.filesystem(op.parent)?;
        let mut key = self.key("workdir", parent.content);
        key.text("path", &op.path).text("user", &op.user);
        let key = key.finish();
        if let Some(result) = self.cached(&key.0, &parent)? {
            return Ok(result);
        }
        self.started();
        let active = self.begin(&parent)?;
        {
            let mount = active.mount(None)?;
            let root = root_of(&mount)?;
            let identity = resolve_user(&root, &op.user)?;
            make_workdir(&root, Path::new(&op.path), &identity, self.solver.options.source_date_epoch)
                .map_err(StepError::Workdir)?;
        }
        self.commit(active, &parent, &[key])
    }
}
