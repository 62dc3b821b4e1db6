//! Layers that arrive in any order and are used in one: the first is laid out while the next is on its way.

use std::collections::BTreeSet;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use crate::cancel::CancelToken;
use crate::digest::Digest;

/// The blobs that somebody waits for.
#[derive(Debug, Default)]
pub(crate) struct Arrivals {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    awaited: BTreeSet<Digest>,
    is_over: bool,
}

impl Arrivals {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes that a blob is there.
    pub(crate) fn note(&self, digest: &Digest) {
        self.lock().awaited.remove(digest);
        self.changed.notify_all();
    }

    /// Notes that all are there: another process may have brought some.
    fn all_are_there(&self) {
        self.lock().awaited.clear();
    }

    fn end(&self) {
        self.lock().is_over = true;
        self.changed.notify_all();
    }

    /// Waits for a blob; tells whether it came.
    fn wait_for(&self, digest: &Digest) -> bool {
        let is_awaited = |state: &mut State| state.awaited.contains(digest) && !state.is_over;
        let state = self.changed.wait_while(self.lock(), is_awaited).unwrap_or_else(PoisonError::into_inner);
        !state.awaited.contains(digest)
    }
}

/// Ends the waiting however the fetching ends.
struct EndGuard<'a>(&'a Arrivals);

impl Drop for EndGuard<'_> {
    fn drop(&mut self) {
        self.0.end();
    }
}

/// Fetches what is `missing` on another thread, and uses what is `wanted` here, each once it has arrived, in order.
/// `fetch` notes what arrived; either side ends the other where it fails.
///
/// # Errors
/// The first error of either.
pub(crate) fn pipelined<E: Send>(
    wanted: &[Digest],
    missing: impl IntoIterator<Item = Digest>,
    cancel: &CancelToken,
    fetch: impl FnOnce(&Arrivals, &CancelToken) -> Result<(), E> + Send,
    mut use_one: impl FnMut(usize) -> Result<(), E>,
) -> Result<(), E> {
    let state = State { awaited: missing.into_iter().collect(), is_over: false };
    if state.awaited.is_empty() {
        return (0..wanted.len()).try_for_each(use_one);
    }
    let arrivals = Arrivals { state: Mutex::new(state), changed: Condvar::new() };
    let together = cancel.child();
    std::thread::scope(|scope| {
        let fetching = scope.spawn(|| {
            let _guard = EndGuard(&arrivals);
            let fetched = fetch(&arrivals, &together);
            if fetched.is_ok() {
                arrivals.all_are_there();
            }
            fetched
        });
        let mut used = Ok(());
        for (index, digest) in wanted.iter().enumerate() {
            if !arrivals.wait_for(digest) {
                break;
            }
            used = use_one(index);
            if used.is_err() {
                together.cancel();
                break;
            }
        }
        let fetched = fetching.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        // Where this side failed, the other one was only told to stop.
        used.and(fetched)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digests() -> Vec<Digest> {
        (0..3_u8).map(|number| Digest::of(&[number])).collect()
    }

    #[test]
    fn what_arrives_in_another_order_is_used_in_order() {
        let wanted = digests();
        let mut used = Vec::new();
        let fetch = |arrivals: &Arrivals, _: &CancelToken| {
            for digest in digests().iter().rev() {
                arrivals.note(digest);
            }
            Ok::<(), &str>(())
        };
        let use_one = |index| {
            used.push(index);
            Ok(())
        };
        pipelined(&wanted, digests(), &CancelToken::new(), fetch, use_one).unwrap();
        assert_eq!(used, [0, 1, 2]);
    }

    #[test]
    fn what_somebody_else_brought_is_used() {
        let wanted = digests();
        let mut used = Vec::new();
        let use_one = |index| {
            used.push(index);
            Ok(())
        };
        pipelined(&wanted, digests(), &CancelToken::new(), |_, _| Ok::<(), &str>(()), use_one).unwrap();
        assert_eq!(used, [0, 1, 2]);
    }

    #[test]
    fn the_first_is_used_before_the_last_arrives() {
        let used = Arrivals {
            state: Mutex::new(State { awaited: digests().into_iter().collect(), is_over: false }),
            ..Arrivals::default()
        };
        let fetch = |arrivals: &Arrivals, _: &CancelToken| {
            for digest in digests() {
                arrivals.note(&digest);
                // It is used while the next one is still missing.
                assert!(used.wait_for(&digest));
            }
            Ok::<(), &str>(())
        };
        let use_one = |index: usize| {
            used.note(&digests()[index]);
            Ok(())
        };
        pipelined(&digests(), digests(), &CancelToken::new(), fetch, use_one).unwrap();
    }

    #[test]
    fn either_side_ends_the_other() {
        let cancel = CancelToken::new();
        let lost = pipelined(&digests(), digests(), &cancel, |_, _| Err("lost"), |_| Ok(()));
        assert_eq!(lost, Err("lost"));
        let fetch = |arrivals: &Arrivals, cancel: &CancelToken| {
            arrivals.note(&digests()[0]);
            while !cancel.is_cancelled() {
                std::thread::yield_now();
            }
            Err("told to stop")
        };
        assert_eq!(pipelined(&digests(), digests(), &cancel, fetch, |_| Err("broken")), Err("broken"));
        assert!(!cancel.is_cancelled());
    }
}
