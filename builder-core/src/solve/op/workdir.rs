//! `WORKDIR`: a directory that must exist.

use std::path::Path;

use super::{Outcome, Step, root_of};
use crate::cache::{CacheKey, KeyPart};
use crate::copy::make_directories;
use crate::fs::accounts::resolve_owner;
use crate::fs::root::Inherit;
use crate::plan::op::WorkdirOp;
use crate::solve::{StepError, StepResult};

impl Step<'_, '_> {
    pub(super) fn workdir(&self, op: &WorkdirOp) -> Outcome<StepResult> {
        let parent = self.filesystem(op.parent)?;
        let mut key = self.key("workdir", parent.content);
        key.text("path", &op.path).text("user", &op.user);
        let keys = [key.finish()];
        if let Some(result) = self.cached(&keys[0], &parent)? {
            return Ok(result);
        }
        self.unless_another_does(&keys, &parent, || self.make_workdir(op, &parent, &keys))
    }

    fn make_workdir(
        &self,
        op: &WorkdirOp,
        parent: &StepResult,
        keys: &[(CacheKey, Vec<KeyPart>)],
    ) -> Outcome<StepResult> {
        self.missed(keys, None);
        let active = self.begin(parent)?;
        {
            let mount = active.mount(None)?;
            let root = root_of(&mount)?;
            // The rules are those of `--chown`, not those of RUN: a number is its own group.
            let accounts = (!parent.diff_ids.is_empty()).then_some(&root);
            let owner = resolve_owner(accounts, &op.user)?;
            self.warn_of_unknown(&owner);
            // Without a user nobody says whose it is, as with `BuildKit`.
            let inherit = if op.user.is_empty() { Inherit::BitAndGroup } else { Inherit::Bit };
            make_directories(
                &root,
                Path::new(&op.path),
                (owner.uid, owner.gid),
                inherit,
                self.solver.options.source_date_epoch,
            )
            .map_err(StepError::Workdir)?;
        }
        self.commit(active, parent, keys)
    }
}
