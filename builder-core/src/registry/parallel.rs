//! Several blobs or questions at the same time.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use super::RegistryError;
use crate::cancel::CancelToken;

/// Blobs that are fetched or sent at the same time.
const PARALLEL_BLOBS: usize = 3;
/// What is asked at the same time that is answered in a moment.
const PARALLEL_QUESTIONS: usize = 8;

/// Does something for each blob, for some at the same time. The first error stops the others too.
pub(super) fn in_parallel<I: Sync, T: Send>(
    items: &[I],
    cancel: &CancelToken,
    each: &(dyn Fn(&I, &CancelToken) -> Result<T, RegistryError> + Sync),
) -> Result<Vec<T>, RegistryError> {
    side_by_side(PARALLEL_BLOBS, items, cancel, each)
}

/// Asks something of each item, some at the same time. The first error stops the others too.
pub(super) fn questions<I: Sync, T: Send>(
    items: &[I],
    cancel: &CancelToken,
    each: &(dyn Fn(&I, &CancelToken) -> Result<T, RegistryError> + Sync),
) -> Result<Vec<T>, RegistryError> {
    side_by_side(PARALLEL_QUESTIONS, items, cancel, each)
}

/// Does something for each item, for so many at the same time. The first error stops the others too.
fn side_by_side<I: Sync, T: Send>(
    width: usize,
    items: &[I],
    cancel: &CancelToken,
    each: &(dyn Fn(&I, &CancelToken) -> Result<T, RegistryError> + Sync),
) -> Result<Vec<T>, RegistryError> {
    let together = cancel.child();
    let next = AtomicUsize::new(0);
    let outcomes = Mutex::new((Vec::new(), None));
    let work = || {
        loop {
            let index = next.fetch_add(1, Ordering::SeqCst);
            let Some(item) = items.get(index) else { return };
            let outcome = each(item, &together);
            let mut outcomes = outcomes.lock().unwrap_or_else(PoisonError::into_inner);
            match outcome {
                Ok(done) => outcomes.0.push((index, done)),
                Err(error) => {
                    outcomes.1.get_or_insert(error);
                    together.cancel();
                    return;
                }
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 1..items.len().min(width) {
            // Without another thread it takes longer: this one takes what is left.
            let _thread = std::thread::Builder::new().name("blob".to_owned()).spawn_scoped(scope, work);
        }
        work();
    });
    cancel.check()?;
    let (mut done, error) = outcomes.into_inner().unwrap_or_else(PoisonError::into_inner);
    if let Some(error) = error {
        return Err(error);
    }
    done.sort_by_key(|(index, _)| *index);
    Ok(done.into_iter().map(|(_, done)| done).collect())
}
