//! Runs a graph of operations, each once, as soon as its inputs are there.
//!
//! The scheduler knows nothing of images: it sees numbers, inputs and a function. Whatever happens to one
//! operation, failure or panic, every thread that waits is woken and the call returns.

use std::collections::BTreeSet;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// Why a graph did not finish.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Stopped<E> {
    /// This operation failed first.
    Failed(E),
    /// The stop function asked to stop.
    Cancelled,
}

struct State<R, E> {
    /// Inputs that are not there yet, by operation.
    missing: Vec<usize>,
    ready: BTreeSet<usize>,
    results: Vec<Option<R>>,
    finished: usize,
    stopped: Option<Stopped<E>>,
}

struct Shared<R, E> {
    state: Mutex<State<R, E>>,
    changed: Condvar,
}

impl<R, E> Shared<R, E> {
    fn lock(&self) -> MutexGuard<'_, State<R, E>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn stop(&self, cause: Stopped<E>) {
        self.lock().stopped.get_or_insert(cause);
        self.changed.notify_all();
    }
}

/// Wakes everybody when an operation unwinds; the panic itself is passed on by the thread scope.
struct PanicGuard<'s, R, E>(&'s Shared<R, E>);

impl<R, E> Drop for PanicGuard<'_, R, E> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.stop(Stopped::Cancelled);
        }
    }
}

/// Runs operations `0..inputs.len()`; `inputs[i]` lists what operation `i` needs, all smaller than `i`.
/// `execute` gets the results of its inputs in that order. At most `parallelism` run at the same time.
///
/// # Errors
/// The first failure; operations that have not begun by then never begin.
pub(crate) fn run_graph<R, E>(
    inputs: &[Vec<usize>],
    parallelism: usize,
    should_stop: &(dyn Fn() -> bool + Sync),
    execute: &(dyn Fn(usize, Vec<R>) -> Result<R, E> + Sync),
) -> Result<Vec<R>, Stopped<E>>
where
    R: Clone + Send,
    E: Send,
{
    let count = inputs.len();
    let missing: Vec<usize> = inputs.iter().map(Vec::len).collect();
    let mut readers: Vec<Vec<usize>> = vec![Vec::new(); count];
    for (operation, needed) in inputs.iter().enumerate() {
        for input in needed {
            readers[*input].push(operation);
        }
    }
    let ready = missing.iter().enumerate().filter(|(_, n)| **n == 0).map(|(i, _)| i).collect();
    let results = std::iter::repeat_with(|| None).take(count).collect();
    let shared = Shared {
        state: Mutex::new(State { missing, ready, results, finished: 0, stopped: None }),
        changed: Condvar::new(),
    };
    let worker = || {
        let _guard = PanicGuard(&shared);
        while let Some((operation, values)) = next(&shared, inputs, should_stop) {
            match execute(operation, values) {
                Ok(result) => finish(&shared, operation, result, &readers[operation]),
                Err(error) => shared.stop(Stopped::Failed(error)),
            }
        }
    };
    // The caller's thread is one of them.
    let threads = count.min(parallelism.max(1));
    std::thread::scope(|scope| {
        for _ in 1..threads {
            scope.spawn(worker);
        }
        worker();
    });
    let state = shared.state.into_inner().unwrap_or_else(PoisonError::into_inner);
    if let Some(cause) = state.stopped {
        return Err(cause);
    }
    Ok(state.results.into_iter().flatten().collect())
}

/// Waits for an operation that can run; `None` when all is over.
fn next<R: Clone, E>(
    shared: &Shared<R, E>,
    inputs: &[Vec<usize>],
    should_stop: &(dyn Fn() -> bool + Sync),
) -> Option<(usize, Vec<R>)> {
    let mut state = shared.lock();
    loop {
        if state.stopped.is_some() || state.finished == inputs.len() {
            return None;
        }
        if should_stop() {
            state.stopped = Some(Stopped::Cancelled);
            shared.changed.notify_all();
            return None;
        }
        if let Some(operation) = state.ready.pop_first() {
            let values = inputs[operation].iter().filter_map(|input| state.results[*input].clone()).collect();
            return Some((operation, values));
        }
        state = shared.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
    }
}

fn finish<R, E>(shared: &Shared<R, E>, operation: usize, result: R, readers: &[usize]) {
    let mut state = shared.lock();
    state.results[operation] = Some(result);
    state.finished += 1;
    for reader in readers {
        state.missing[*reader] -= 1;
        if state.missing[*reader] == 0 {
            state.ready.insert(*reader);
        }
    }
    shared.changed.notify_all();
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::{Duration, Instant};

    use super::*;

    const NEVER: &(dyn Fn() -> bool + Sync) = &|| false;

    #[test]
    fn a_shared_input_runs_once_and_order_is_kept() {
        let runs = AtomicUsize::new(0);
        let inputs = [vec![], vec![0], vec![0], vec![1, 2]];
        let results = run_graph::<usize, ()>(&inputs, 8, NEVER, &|operation, values| {
            runs.fetch_add(1, Ordering::SeqCst);
            Ok(operation + values.iter().sum::<usize>())
        });
        assert_eq!(results, Ok(vec![0, 1, 2, 6]));
        assert_eq!(runs.load(Ordering::SeqCst), 4);
    }

    #[test]
    fn independent_operations_run_at_the_same_time() {
        let inside = AtomicUsize::new(0);
        let inputs = [vec![], vec![], vec![], vec![]];
        let results = run_graph::<bool, ()>(&inputs, 4, NEVER, &|_, _| {
            inside.fetch_add(1, Ordering::SeqCst);
            let begin = Instant::now();
            while inside.load(Ordering::SeqCst) < 4 && begin.elapsed() < Duration::from_secs(20) {
                std::thread::yield_now();
            }
            Ok(inside.load(Ordering::SeqCst) == 4)
        });
        assert_eq!(results, Ok(vec![true; 4]));
    }

    #[test]
    fn a_failure_stops_what_has_not_begun() {
        let runs = AtomicUsize::new(0);
        let inputs: Vec<Vec<usize>> = vec![vec![], vec![0], vec![1], vec![2]];
        let results = run_graph::<(), &str>(&inputs, 4, NEVER, &|operation, _| {
            runs.fetch_add(1, Ordering::SeqCst);
            if operation == 1 { Err("broken") } else { Ok(()) }
        });
        assert_eq!(results, Err(Stopped::Failed("broken")));
        assert_eq!(runs.load(Ordering::SeqCst), 2);
    }

    #[test]
    fn a_panic_wakes_all_waiters() {
        let inputs = [vec![], vec![0], vec![0]];
        let outcome = std::panic::catch_unwind(|| {
            run_graph::<(), ()>(&inputs, 3, NEVER, &|operation, _| {
                assert_ne!(operation, 0, "planted");
                Ok(())
            })
        });
        assert!(outcome.is_err());
    }

    #[test]
    fn a_stop_request_is_honoured_before_the_next_operation() {
        let stop = std::sync::atomic::AtomicBool::new(false);
        let inputs = [vec![], vec![0]];
        let results = run_graph::<usize, ()>(&inputs, 1, &|| stop.load(Ordering::SeqCst), &|operation, _| {
            stop.store(true, Ordering::SeqCst);
            Ok(operation)
        });
        assert_eq!(results, Err(Stopped::Cancelled));
    }
}
