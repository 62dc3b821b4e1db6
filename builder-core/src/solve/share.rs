//! Work that several builds share.
//!
//! Two builds on one store that come to the same step at the same time would both run it. Instead the second one
//! waits and then finds the result in the cache. Should the first fail, or be killed, the second runs the step itself.

use super::StepResult;
use super::op::{Outcome, Step};
use crate::cache::{CacheKey, KeyPart};
use crate::event::Event;
use crate::store::StepLock;

impl Step<'_, '_> {
    /// Runs a step unless another build is doing so: then its result is waited for. The last key is the most exact,
    /// the one that says most of what the step depends on.
    pub(super) fn unless_another_does(
        &self,
        keys: &[(CacheKey, Vec<KeyPart>)],
        parent: &StepResult,
        run: impl FnOnce() -> Outcome<StepResult>,
    ) -> Outcome<StepResult> {
        let Some(both @ (key, _)) = keys.last() else { return run() };
        if self.runs_anyway() {
            // Nobody's result would do. Others may wait for this one where it is the first.
            let _lock = self.solver.store.try_lock_step(&key.0)?;
            return run();
        }
        let _lock = self.lock_or_wait(key)?;
        // It may have been finished between the look at the cache and the lock.
        match self.cached(both, parent)? {
            Some(result) => Ok(result),
            None => run(),
        }
    }

    /// Takes the right to do what a key stands for; says so where that has to be waited for.
    pub(super) fn lock_or_wait(&self, key: &CacheKey) -> Outcome<StepLock> {
        let store = self.solver.store;
        if let Some(lock) = store.try_lock_step(&key.0)? {
            return Ok(lock);
        }
        self.solver.events.emit(Event::StepWaiting { id: self.vertex.id });
        Ok(store.lock_step(&key.0, self.cancel)?)
    }
}
