//! Cancellation: one source, any number of tokens, and the one error of a cancelled operation.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

/// The operation was cancelled before it finished.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("cancelled")]
pub struct Cancelled;

#[derive(Debug, Default)]
struct Shared {
    cancelled: AtomicBool,
    lock: Mutex<()>,
    changed: Condvar,
}

/// A cloneable token that long operations check; cancelling any clone cancels them all.
#[derive(Clone, Debug, Default)]
pub struct CancelToken {
    shared: Arc<Shared>,
}

impl CancelToken {
    /// Makes a token that nobody has cancelled.
    pub fn new() -> Self {
        Self::default()
    }

    /// Cancels every clone of this token.
    pub fn cancel(&self) {
        self.shared.cancelled.store(true, Ordering::SeqCst);
        let _guard = self.shared.lock.lock().unwrap_or_else(PoisonError::into_inner);
        self.shared.changed.notify_all();
    }

    /// Tells whether the operation should stop.
    pub fn is_cancelled(&self) -> bool {
        self.shared.cancelled.load(Ordering::SeqCst)
    }

    /// Returns an error once cancelled, for use with `?`.
    ///
    /// # Errors
    /// [`Cancelled`] once any clone has been cancelled.
    pub fn check(&self) -> Result<(), Cancelled> {
        if self.is_cancelled() { Err(Cancelled) } else { Ok(()) }
    }

    /// Waits until cancelled or until the time is over; tells whether it was cancelled.
    pub fn wait_timeout(&self, timeout: Duration) -> bool {
        let guard = self.shared.lock.lock().unwrap_or_else(PoisonError::into_inner);
        let _outcome = self
            .shared
            .changed
            .wait_timeout_while(guard, timeout, |()| !self.is_cancelled())
            .unwrap_or_else(PoisonError::into_inner);
        self.is_cancelled()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clone_sees_the_cancellation() {
        let token = CancelToken::new();
        let clone = token.clone();
        assert_eq!(clone.check(), Ok(()));
        token.cancel();
        assert_eq!(clone.check(), Err(Cancelled));
        assert!(clone.wait_timeout(Duration::from_secs(60)));
    }
}
