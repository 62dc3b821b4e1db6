//! Cancellation: one source, any number of tokens, and the one error of a cancelled operation.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, PoisonError, Weak};
use std::time::Duration;

/// The operation was cancelled before it finished.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("cancelled")]
pub struct Cancelled;

#[derive(Debug, Default)]
struct Shared {
    cancelled: AtomicBool,
    children: Mutex<Vec<Weak<Shared>>>,
    changed: Condvar,
}

impl Shared {
    fn cancel(&self) {
        let mut children = self.children.lock().unwrap_or_else(PoisonError::into_inner);
        self.cancelled.store(true, Ordering::SeqCst);
        self.changed.notify_all();
        let children = std::mem::take(&mut *children);
        for child in children.iter().filter_map(Weak::upgrade) {
            child.cancel();
        }
    }
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

    /// Cancels every clone of this token, and its children.
    pub fn cancel(&self) {
        self.shared.cancel();
    }

    /// Makes a token that is cancelled with this one, and can be cancelled on its own without touching
    /// this one.
    #[must_use]
    pub fn child(&self) -> Self {
        let child = Self::new();
        let mut children = self.shared.children.lock().unwrap_or_else(PoisonError::into_inner);
        children.retain(|known| known.strong_count() > 0);
        children.push(Arc::downgrade(&child.shared));
        if self.is_cancelled() {
            child.cancel();
        }
        drop(children);
        child
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
        let guard = self.shared.children.lock().unwrap_or_else(PoisonError::into_inner);
        let _outcome = self
            .shared
            .changed
            .wait_timeout_while(guard, timeout, |_| !self.is_cancelled())
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
        assert!(clone.wait_timeout(Duration::from_mins(1)));
    }

    #[test]
    fn a_child_follows_its_parent_but_not_the_other_way() {
        let parent = CancelToken::new();
        let (first, second) = (parent.child(), parent.child());
        first.cancel();
        assert!(!parent.is_cancelled() && !second.is_cancelled());
        parent.cancel();
        assert!(second.is_cancelled() && parent.child().is_cancelled());
    }
}
