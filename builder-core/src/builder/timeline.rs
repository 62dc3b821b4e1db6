//! Takes the time of a build: what the events say of steps and tasks, as the store remembers it.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::event::{Event, EventSink, StepStatus};
use crate::explanation::BuildRecord;
use crate::ids::VertexId;
use crate::solve::StepResult;
use crate::store::{Store, TimedKind, TimedStep, Timeline};

/// How many steps of a build are remembered.
const MAX_STEPS: usize = 2000;
/// How many characters of their names.
const MAX_NAME: usize = 300;

/// Passes events on and remembers when they came.
pub(super) struct Stopwatch<'e> {
    inner: &'e dyn EventSink,
    begin: Instant,
    seen: Mutex<Seen>,
}

#[derive(Default)]
struct Seen {
    step_names: BTreeMap<VertexId, String>,
    task_names: BTreeMap<u32, String>,
    /// A step that has to be carried out again counts as often as the last time.
    steps: BTreeMap<VertexId, Span>,
    tasks: Vec<(String, Span)>,
}

#[derive(Clone, Copy)]
struct Span {
    begin: Duration,
    elapsed: Duration,
    cached: bool,
}

impl<'e> Stopwatch<'e> {
    pub(super) fn start(inner: &'e dyn EventSink) -> Self {
        Self { inner, begin: Instant::now(), seen: Mutex::default() }
    }

    fn lock(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn span(&self, elapsed: Duration, cached: bool) -> Span {
        Span { begin: self.begin.elapsed().saturating_sub(elapsed), elapsed, cached }
    }

    /// Writes down how long everything took. Nothing depends on it: a store that cannot take it is for others to
    /// complain about.
    pub(super) fn keep(&self, store: &Store, build: &BuildRecord, results: &[StepResult]) {
        let seen = self.lock();
        let step = |(id, span): (&VertexId, &Span)| {
            let name = seen.step_names.get(id)?;
            let layer = results.get(id.index()).and_then(|result| result.layer.as_ref()).map(|layer| layer.diff_id);
            let kind = if span.cached { TimedKind::Cached } else { TimedKind::Ran };
            Some(TimedStep { layer, ..timed(name, kind, *span) })
        };
        let mut steps: Vec<TimedStep> = seen.steps.iter().filter_map(step).collect();
        steps.extend(seen.tasks.iter().map(|(name, span)| timed(name, TimedKind::Task, *span)));
        steps.sort_by_key(|step| step.begin);
        steps.truncate(MAX_STEPS);
        let timeline = Timeline {
            build: build.id.clone(),
            command: build.command.clone(),
            started: build.started.0,
            elapsed: microseconds(self.begin.elapsed()),
            steps,
        };
        let _ = store.put_timeline(&timeline);
    }
}

fn timed(name: &str, kind: TimedKind, span: Span) -> TimedStep {
    let name = name.chars().take(MAX_NAME).collect();
    TimedStep { name, begin: microseconds(span.begin), elapsed: microseconds(span.elapsed), kind, layer: None }
}

fn microseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

impl EventSink for Stopwatch<'_> {
    fn emit(&self, event: Event) {
        match &event {
            Event::PlanReady { steps } => {
                self.lock().step_names = steps.iter().map(|step| (step.id, step.name.clone())).collect();
            }
            Event::StepFinished { id, status, elapsed } => {
                let span = self.span(*elapsed, *status == StepStatus::Cached);
                self.lock().steps.insert(*id, span);
            }
            Event::TaskStarted { task, name } => drop(self.lock().task_names.insert(*task, name.clone())),
            Event::TaskFinished { task, elapsed, .. } => {
                let span = self.span(*elapsed, false);
                let mut seen = self.lock();
                if let Some(name) = seen.task_names.remove(task) {
                    seen.tasks.push((name, span));
                }
            }
            _ => {}
        }
        self.inner.emit(event);
    }
}
