//! One builder at a time runs a step: builds on one store, in one process or in several, that need the same thing
//! have it made once.
//!
//! A step's place in the lock file is taken from its key. Nobody holds two such places, and who holds one waits for no
//! other, so nobody waits for ever. Two steps that share a place, which is as good as impossible, only wait for each
//! other.

use std::fs::File;
use std::time::Duration;

use super::{Store, StoreError};
use crate::cancel::CancelToken;
use crate::fs::PathContext;
use crate::sys::byte_lock::ByteLock;

/// How often a locked step is looked at again: soon at first, for most steps are short.
const FIRST_RETRY: Duration = Duration::from_millis(1);
const LAST_RETRY: Duration = Duration::from_millis(25);

/// The right to run a step. It ends with the process that has it, however that ends.
#[derive(Debug)]
pub struct StepLock {
    _lock: ByteLock,
}

impl Store {
    /// Takes the right to run the step with this key, or returns nothing where somebody else has it.
    ///
    /// # Errors
    /// [`StoreError::Path`].
    pub fn try_lock_step(&self, key: &[u8; 32]) -> Result<Option<StepLock>, StoreError> {
        let path = self.root().join("steps.lock");
        let file = File::options().create(true).truncate(false).write(true).open(&path).at("open", &path)?;
        let first = key.first_chunk().copied().unwrap_or_default();
        let position = i64::from_le_bytes(first) & (i64::MAX >> 1);
        let lock = ByteLock::try_exclusive(file, position).at("lock", &path)?;
        Ok(lock.map(|lock| StepLock { _lock: lock }))
    }

    /// Waits until nobody runs the step with this key, and takes the right to.
    ///
    /// # Errors
    /// [`StoreError::Cancelled`] while waiting, [`StoreError::Path`].
    pub fn lock_step(&self, key: &[u8; 32], cancel: &CancelToken) -> Result<StepLock, StoreError> {
        let mut pause = FIRST_RETRY;
        loop {
            if let Some(lock) = self.try_lock_step(key)? {
                return Ok(lock);
            }
            cancel.wait_timeout(pause);
            cancel.check()?;
            pause = (pause * 2).min(LAST_RETRY);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{Owner, StoreOptions};

    #[test]
    fn a_step_is_run_by_one_at_a_time() {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open(&StoreOptions { root: directory.path().to_owned(), owner: Owner::Root }).unwrap();
        let cancel = CancelToken::new();
        let mine = store.try_lock_step(&[7; 32]).unwrap().unwrap();
        assert!(store.try_lock_step(&[7; 32]).unwrap().is_none());
        let other = store.try_lock_step(&[0xff; 32]).unwrap();
        assert!(other.is_some());
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| store.lock_step(&[7; 32], &cancel));
            std::thread::sleep(Duration::from_millis(50));
            assert!(!waiting.is_finished());
            drop(mine);
            let taken = waiting.join().unwrap().unwrap();
            let cancelled = scope.spawn(|| store.lock_step(&[7; 32], &cancel));
            cancel.cancel();
            assert!(matches!(cancelled.join().unwrap(), Err(StoreError::Cancelled(_))));
            drop(taken);
        });
    }
}
