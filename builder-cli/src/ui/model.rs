//! The state of a build as gathered from events, for the live display.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use builder_core::event::{Event, LogStream, ProgressUnit, StepStatus};
use builder_core::ids::VertexId;

use super::format::rate;
use super::log_lines::{LogLines, one_line};

/// Log lines kept of a running step.
pub(super) const TAIL_LINES: usize = 6;

/// What is said about a step that another build on the same store is running.
pub(super) const WAITING: &str = "waiting for another build, which is running this step";

/// What an entry of the display stands for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Key {
    /// Work outside the plan.
    Task(u32),
    /// A step of the plan.
    Step(VertexId),
}

/// Where an entry stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Stage {
    Waiting,
    Running,
    Done,
    Cached,
    Failed,
    Cancelled,
}

impl Stage {
    pub(super) fn is_over(self) -> bool {
        !matches!(self, Self::Waiting | Self::Running)
    }
}

/// A part of a step that moves on, such as one download.
#[derive(Debug)]
pub(super) struct Item {
    pub(super) name: String,
    pub(super) current: u64,
    pub(super) total: Option<u64>,
    pub(super) unit: ProgressUnit,
    /// When it was first heard of, and how far it was then.
    begun: (Duration, u64),
}

impl Item {
    /// Returns how fast it moves, once there is something to tell.
    pub(super) fn rate(&self, now: Duration) -> Option<String> {
        let (at, from) = self.begun;
        let is_moving = self.unit == ProgressUnit::Bytes && !self.is_complete();
        rate(self.current.saturating_sub(from), now.saturating_sub(at)).filter(|_| is_moving)
    }

    /// Tells whether all of it has been done.
    pub(super) fn is_complete(&self) -> bool {
        self.total.is_some_and(|total| self.current >= total)
    }
}

/// One line of the display with what belongs below it.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) name: String,
    pub(super) stage: Stage,
    started: Duration,
    elapsed: Duration,
    pub(super) items: Vec<Item>,
    /// Why it ran, or who made it.
    pub(super) reasons: Vec<String>,
    streams: [LogLines; 2],
    tail: VecDeque<String>,
}

impl Entry {
    fn new(name: &str) -> Self {
        Self {
            name: one_line(name),
            stage: Stage::Waiting,
            started: Duration::ZERO,
            elapsed: Duration::ZERO,
            items: Vec::new(),
            reasons: Vec::new(),
            streams: Default::default(),
            tail: VecDeque::new(),
        }
    }

    /// Returns how long the entry has been running, or ran.
    pub(super) fn elapsed(&self, now: Duration) -> Duration {
        if self.stage == Stage::Running { now.saturating_sub(self.started) } else { self.elapsed }
    }

    /// Returns the last lines of the log, oldest first, with the one that is being written.
    pub(super) fn tail(&self) -> Vec<String> {
        let mut lines: Vec<String> = self.tail.iter().cloned().collect();
        lines.extend(self.streams.iter().filter_map(LogLines::unfinished));
        let surplus = lines.len().saturating_sub(TAIL_LINES);
        lines.split_off(surplus)
    }

    fn log(&mut self, stream: LogStream, data: &[u8]) {
        let [out, err] = &mut self.streams;
        let lines = if stream == LogStream::Stdout { out.push(data) } else { err.push(data) };
        self.tail.extend(lines);
        self.tail.drain(..self.tail.len().saturating_sub(TAIL_LINES));
    }

    fn item(&mut self, at: Duration, name: &str, current: u64, total: Option<u64>, unit: ProgressUnit) {
        match self.items.iter_mut().find(|item| item.name == name) {
            Some(item) => {
                item.current = current;
                item.total = total.or(item.total);
            }
            None => self.items.push(Item { name: one_line(name), current, total, unit, begun: (at, current) }),
        }
    }
}

/// All entries in the order in which they first did something.
#[derive(Debug, Default)]
pub(super) struct Model {
    entries: BTreeMap<Key, Entry>,
    shown: Vec<Key>,
}

impl Model {
    /// Takes one event that happened at a time since the start.
    pub(super) fn apply(&mut self, at: Duration, event: &Event) {
        match event {
            Event::PlanReady { steps } => {
                for step in steps {
                    self.entries.insert(Key::Step(step.id), Entry::new(&step.name));
                }
            }
            Event::StepWaiting { id } => {
                self.start(Key::Step(*id), at);
                if let Some(entry) = self.entries.get_mut(&Key::Step(*id)) {
                    entry.tail.push_back(WAITING.to_owned());
                }
            }
            Event::StepStarted { id } => self.start(Key::Step(*id), at),
            Event::TaskStarted { task, name } => {
                self.entries.insert(Key::Task(*task), Entry::new(name));
                self.start(Key::Task(*task), at);
            }
            Event::StepLog { id, stream, data } => {
                if let Some(entry) = self.entries.get_mut(&Key::Step(*id)) {
                    entry.log(*stream, data);
                }
            }
            Event::StepProgress { id, item, current, total, unit } => {
                if let Some(entry) = self.entries.get_mut(&Key::Step(*id)) {
                    entry.item(at, item, *current, *total, *unit);
                }
            }
            Event::TaskProgress { task, item, current, total, unit } => {
                if let Some(entry) = self.entries.get_mut(&Key::Task(*task)) {
                    entry.item(at, item, *current, *total, *unit);
                }
            }
            Event::StepExplained { id, explanation } => {
                if let Some(entry) = self.entries.get_mut(&Key::Step(*id)) {
                    entry.reasons = super::explain::lines(explanation);
                    let maker = super::explain::maker(explanation, jiff::Timestamp::now());
                    entry.reasons.extend((!maker.is_empty()).then(|| maker.trim().to_owned()));
                }
            }
            Event::StepFinished { id, status, elapsed } => {
                let stage = match status {
                    StepStatus::Done => Stage::Done,
                    StepStatus::Cached => Stage::Cached,
                    StepStatus::Failed(_) => Stage::Failed,
                    StepStatus::Cancelled => Stage::Cancelled,
                };
                self.finish(Key::Step(*id), stage, *elapsed);
            }
            Event::TaskFinished { task, error, elapsed } => {
                let stage = if error.is_some() { Stage::Failed } else { Stage::Done };
                self.finish(Key::Task(*task), stage, *elapsed);
            }
            _ => {}
        }
    }

    /// Ends whatever still runs: the build is over.
    pub(super) fn close(&mut self, at: Duration) {
        for entry in self.entries.values_mut().filter(|entry| entry.stage == Stage::Running) {
            entry.elapsed = entry.elapsed(at);
            entry.stage = Stage::Cancelled;
        }
    }

    /// Returns the entries that have begun, in order.
    pub(super) fn shown(&self) -> impl Iterator<Item = &Entry> {
        self.shown.iter().filter_map(|key| self.entries.get(key))
    }

    /// Returns how many entries are over, and how many there are.
    pub(super) fn counts(&self) -> (usize, usize) {
        let over = self.entries.values().filter(|entry| entry.stage.is_over()).count();
        (over, self.entries.len())
    }

    /// Tells whether an entry ended in this way.
    pub(super) fn any(&self, stage: Stage) -> bool {
        self.entries.values().any(|entry| entry.stage == stage)
    }

    fn show(&mut self, key: Key) -> Option<&mut Entry> {
        let entry = self.entries.get_mut(&key)?;
        if entry.stage == Stage::Waiting {
            self.shown.push(key);
        }
        Some(entry)
    }

    fn start(&mut self, key: Key, at: Duration) {
        if let Some(entry) = self.show(key) {
            entry.stage = Stage::Running;
            entry.started = at;
        }
    }

    fn finish(&mut self, key: Key, stage: Stage, elapsed: Duration) {
        if let Some(entry) = self.show(key) {
            entry.stage = stage;
            entry.elapsed = elapsed;
        }
    }
}
