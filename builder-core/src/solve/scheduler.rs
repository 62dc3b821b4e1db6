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
    /// Who asked for the results wants them no more.
    Cancelled,
}

/// How a run is stopped from outside, and what it does when it stops itself.
pub(crate) struct Control<'c, E> {
    /// Tells whether who asked for the results wants them no more.
    pub(crate) cancelled: &'c (dyn Fn() -> bool + Sync),
    /// Tells an operation that was cancelled from one that failed.
    pub(crate) is_cancellation: &'c (dyn Fn(&E) -> bool + Sync),
    /// Ends the operations that still run. Called once the reason is on record and not before, so that what
    /// it makes of them is never taken for the reason.
    pub(crate) end_others: &'c (dyn Fn() + Sync),
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

    /// Records why the run stops: the first reason, but a failure says more than that somebody gave up.
    fn stop(&self, cause: Stopped<E>) {
        let mut state = self.lock();
        match (&state.stopped, &cause) {
            (None, _) | (Some(Stopped::Cancelled), Stopped::Failed(_)) => state.stopped = Some(cause),
            _ => {}
        }
        drop(state);
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
/// The first failure; operations that have not begun by then never begin. [`Stopped::Cancelled`] only where
/// nothing failed.
pub(crate) fn run_graph<R, E>(
    inputs: &[Vec<usize>],
    parallelism: usize,
    control: &Control<'_, E>,
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
        while let Some((operation, values)) = next(&shared, inputs, control.cancelled) {
            match execute(operation, values) {
                Ok(result) => finish(&shared, operation, result, &readers[operation]),
                Err(error) => {
                    let cancelled = (control.is_cancellation)(&error);
                    shared.stop(if cancelled { Stopped::Cancelled } else { Stopped::Failed(error) });
                    (control.end_others)();
                }
            }
        }
    };
    // The caller's thread is one of them. Never more run than stand side by side: no two of the longest chain.
    let threads = (count + 1).saturating_sub(longest_chain(inputs)).min(parallelism.max(1));
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

/// The number of operations on the longest way from one that needs nothing to one that nobody needs.
fn longest_chain(inputs: &[Vec<usize>]) -> usize {
    let mut lengths: Vec<usize> = Vec::with_capacity(inputs.len());
    for needed in inputs {
        let below = needed.iter().filter_map(|input| lengths.get(*input)).max();
        lengths.push(below.copied().unwrap_or(0) + 1);
    }
    lengths.into_iter().max().unwrap_or(0)
}

/// Waits for an operation that can run; `None` when all is over.
fn next<R: Clone, E>(
    shared: &Shared<R, E>,
    inputs: &[Vec<usize>],
    cancelled: &(dyn Fn() -> bool + Sync),
) -> Option<(usize, Vec<R>)> {
    let mut state = shared.lock();
    loop {
        if state.stopped.is_some() || state.finished == inputs.len() {
            return None;
        }
        if cancelled() {
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
    let mut made_ready = 0_usize;
    for reader in readers {
        state.missing[*reader] -= 1;
        if state.missing[*reader] == 0 {
            state.ready.insert(*reader);
            made_ready += 1;
        }
    }
    if state.finished == state.results.len() {
        shared.changed.notify_all();
    }
    // This thread goes on with one of them itself; nobody is woken for nothing.
    for _ in 1..made_ready {
        shared.changed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
    use std::time::{Duration, Instant};

    use super::*;

    const CANCELLED: &str = "cancelled";

    /// Nobody cancels.
    fn alone<E>() -> Control<'static, E> {
        Control { cancelled: &|| false, is_cancellation: &|_| false, end_others: &|| () }
    }

    /// Waits for what another thread does, within reason.
    fn wait_for(flag: &AtomicBool) {
        let begin = Instant::now();
        while !flag.load(Ordering::SeqCst) && begin.elapsed() < Duration::from_secs(20) {
            std::thread::yield_now();
        }
    }

    #[test]
    fn a_shared_input_runs_once_and_order_is_kept() {
        let runs = AtomicUsize::new(0);
        let inputs = [vec![], vec![0], vec![0], vec![1, 2]];
        let results = run_graph::<usize, ()>(&inputs, 8, &alone(), &|operation, values| {
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
        let results = run_graph::<bool, ()>(&inputs, 4, &alone(), &|_, _| {
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
        let results = run_graph::<(), &str>(&inputs, 4, &alone(), &|operation, _| {
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
            run_graph::<(), ()>(&inputs, 3, &alone(), &|operation, _| {
                assert_ne!(operation, 0, "planted");
                Ok(())
            })
        });
        assert!(outcome.is_err());
    }

    #[test]
    fn a_stop_request_is_honoured_before_the_next_operation() {
        let stop = AtomicBool::new(false);
        let inputs = [vec![], vec![0]];
        let control = Control { cancelled: &|| stop.load(Ordering::SeqCst), ..alone() };
        let results = run_graph::<usize, ()>(&inputs, 1, &control, &|operation, _| {
            stop.store(true, Ordering::SeqCst);
            Ok(operation)
        });
        assert_eq!(results, Err(Stopped::Cancelled));
    }

    /// Operation 1 fails; operation 0 ends because of that, and operation 2 could begin.
    fn one_fails_and_ends_another() -> Result<Vec<()>, Stopped<&'static str>> {
        let ended = AtomicBool::new(false);
        let control = Control {
            cancelled: &|| false,
            is_cancellation: &|error| *error == CANCELLED,
            end_others: &|| ended.store(true, Ordering::SeqCst),
        };
        run_graph(&[vec![], vec![], vec![]], 3, &control, &|operation, _| match operation {
            0 => {
                wait_for(&ended);
                Err(CANCELLED)
            }
            1 => Err("broken"),
            _ => Ok(()),
        })
    }

    #[test]
    fn what_a_failure_ends_does_not_hide_it() {
        for _ in 0..2000 {
            assert_eq!(one_fails_and_ends_another(), Err(Stopped::Failed("broken")));
        }
    }

    #[test]
    fn a_failure_replaces_a_cancellation_but_not_the_other_way() {
        for (first, second) in [(CANCELLED, "broken"), ("broken", CANCELLED), ("broken", "later")] {
            let (begun, recorded) = (AtomicBool::new(false), AtomicBool::new(false));
            let control = Control {
                cancelled: &|| false,
                is_cancellation: &|error| *error == CANCELLED,
                end_others: &|| recorded.store(true, Ordering::SeqCst),
            };
            let outcome = run_graph::<(), _>(&[vec![], vec![]], 2, &control, &|operation, _| {
                if operation == 0 {
                    wait_for(&begun);
                    return Err(first);
                }
                begun.store(true, Ordering::SeqCst);
                wait_for(&recorded);
                Err(second)
            });
            assert_eq!(outcome, Err(Stopped::Failed("broken")), "{first}, {second}");
        }
    }
}
