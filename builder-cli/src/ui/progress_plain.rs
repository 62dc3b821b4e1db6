//! Progress as lines of text, for logs and pipes.
//!
//! ```text
//! #3 [build 2/3] RUN make
//! #3 0.102 cc -o hello hello.c
//! #3 DONE 0.4s
//! ```
//!
//! A number is given to a step or task when it is first shown. A line that belongs to another step than the
//! line before it comes after an empty line.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use builder_core::event::{Event, LogStream, ProgressUnit, StepStatus};
use builder_core::ids::VertexId;
use builder_core::registry::Wait;
use jiff::Timestamp;

use super::explain::{self, Explain};
use super::format::{rate, seconds, size};
use super::log_lines::{LogLines, one_line};
use super::model::{Key, WAITING};
use super::progress::Renderer;
use super::waits::{self, News};

/// The least time between two lines about one download.
const ITEM_INTERVAL: Duration = Duration::from_secs(5);

#[derive(Debug, Default)]
struct Step {
    name: String,
    number: Option<usize>,
    started: Duration,
    streams: [LogLines; 2],
    /// Items by name.
    items: BTreeMap<String, Shown>,
    /// What stands behind `CACHED`.
    maker: String,
}

/// What was said of an item.
#[derive(Clone, Copy, Debug)]
struct Shown {
    /// When it was first heard of, and how far it was then.
    begun: (Duration, u64),
    /// The time of the last line about it; `None` once it is complete.
    last: Option<Duration>,
}

/// Turns events into lines.
#[derive(Debug)]
pub(super) struct Plain {
    explain: Explain,
    steps: BTreeMap<Key, Step>,
    shown: usize,
    current: Option<Key>,
    news: News,
}

impl Renderer for Plain {
    fn event(&mut self, at: Duration, event: &Event) -> String {
        let mut out = String::new();
        match event {
            Event::PlanReady { steps } => {
                for step in steps {
                    let name = one_line(&step.name);
                    self.steps.insert(Key::Step(step.id), Step { name, ..Step::default() });
                }
            }
            Event::StepWaiting { id } => self.line(Key::Step(*id), WAITING, &mut out),
            Event::StepStarted { id } => self.start(Key::Step(*id), at, &mut out),
            Event::TaskStarted { task, name } => {
                self.steps.insert(Key::Task(*task), Step { name: one_line(name), ..Step::default() });
                self.start(Key::Task(*task), at, &mut out);
            }
            Event::StepLog { id, stream, data } => self.log(*id, *stream, data, at, &mut out),
            Event::StepProgress { id, item, current, total, unit } => {
                self.item(Key::Step(*id), &Moved { item, current: *current, total: *total, unit: *unit }, at, &mut out);
            }
            Event::TaskProgress { task, item, current, total, unit } => {
                self.item(
                    Key::Task(*task),
                    &Moved { item, current: *current, total: *total, unit: *unit },
                    at,
                    &mut out,
                );
            }
            Event::StepExplained { id, explanation } if self.explain == Explain::Steps => {
                for line in explain::lines(explanation) {
                    self.line(Key::Step(*id), &line, &mut out);
                }
                if let Some(step) = self.steps.get_mut(&Key::Step(*id)) {
                    step.maker = explain::maker(explanation, Timestamp::now());
                }
            }
            Event::StepFinished { id, status, elapsed } => {
                let end = match status {
                    StepStatus::Done => format!("DONE {}", seconds(*elapsed)),
                    StepStatus::Cached => {
                        let maker = self.steps.get(&Key::Step(*id)).map_or("", |step| step.maker.as_str());
                        format!("CACHED{maker}")
                    }
                    StepStatus::Failed(message) => format!("ERROR: {}", one_line(message)),
                    StepStatus::Cancelled => "CANCELED".to_owned(),
                };
                self.finish(Key::Step(*id), &end, at, &mut out);
            }
            Event::TaskFinished { task, error, elapsed } => {
                let end = match error {
                    None => format!("DONE {}", seconds(*elapsed)),
                    Some(message) => format!("ERROR: {}", one_line(message)),
                };
                self.finish(Key::Task(*task), &end, at, &mut out);
            }
            _ => {}
        }
        out
    }

    fn tick(&mut self, at: Duration, waits: &[Wait]) -> String {
        let mut out = String::new();
        for wait in self.news.of(at, waits) {
            // It belongs to no step: several may wait for the same.
            if self.current.take().is_some() {
                out.push('\n');
            }
            out.push_str(&waits::text(wait));
            out.push('\n');
        }
        out
    }
}

/// How far an item is.
struct Moved<'a> {
    item: &'a str,
    current: u64,
    total: Option<u64>,
    unit: ProgressUnit,
}

impl Plain {
    /// Makes a renderer that says why steps ran, or does not.
    pub(super) fn new(explain: Explain) -> Self {
        Self { explain, steps: BTreeMap::new(), shown: 0, current: None, news: News::default() }
    }

    /// Writes a line about a step; the first line about it is its name.
    fn line(&mut self, key: Key, text: &str, out: &mut String) {
        let Some(step) = self.steps.get_mut(&key) else { return };
        if self.current.is_some_and(|current| current != key) {
            out.push('\n');
        }
        self.current = Some(key);
        let number = if let Some(number) = step.number {
            number
        } else {
            self.shown += 1;
            step.number = Some(self.shown);
            // Writing to a string cannot fail, here and below.
            let _ = writeln!(out, "#{} {}", self.shown, step.name);
            self.shown
        };
        if !text.is_empty() {
            let _ = writeln!(out, "#{number} {text}");
        }
    }

    fn start(&mut self, key: Key, at: Duration, out: &mut String) {
        if let Some(step) = self.steps.get_mut(&key) {
            step.started = at;
        }
        self.line(key, "", out);
    }

    fn log(&mut self, id: VertexId, stream: LogStream, data: &[u8], at: Duration, out: &mut String) {
        let key = Key::Step(id);
        let Some(step) = self.steps.get_mut(&key) else { return };
        let [stdout, stderr] = &mut step.streams;
        let lines = if stream == LogStream::Stdout { stdout.push(data) } else { stderr.push(data) };
        self.log_lines(key, &lines, at, out);
    }

    fn log_lines(&mut self, key: Key, lines: &[String], at: Duration, out: &mut String) {
        let started = self.steps.get(&key).map_or(at, |step| step.started);
        let time = at.saturating_sub(started).as_secs_f64();
        for line in lines {
            self.line(key, format!("{time:.3} {line}").trim_end(), out);
        }
    }

    fn item(&mut self, key: Key, moved: &Moved<'_>, at: Duration, out: &mut String) {
        let Some(step) = self.steps.get_mut(&key) else { return };
        let complete = moved.total.is_some_and(|total| moved.current >= total);
        let known = step.items.get(moved.item).copied();
        match known.map(|known| known.last) {
            Some(None) => return,
            Some(Some(last)) if !complete && at.saturating_sub(last) < ITEM_INTERVAL => return,
            _ => {}
        }
        let begun = known.map_or((at, moved.current), |known| known.begun);
        step.items.insert(moved.item.to_owned(), Shown { begun, last: (!complete).then_some(at) });
        let amount = |n: u64| if moved.unit == ProgressUnit::Bytes { size(n) } else { n.to_string() };
        let mut text = format!("{} {}", one_line(moved.item), amount(moved.current));
        if let Some(total) = moved.total {
            let _ = write!(text, " / {}", amount(total));
        }
        let elapsed = at.saturating_sub(begun.0);
        if moved.unit == ProgressUnit::Bytes {
            let _ = write!(text, " {}", seconds(elapsed));
            let rate = rate(moved.current.saturating_sub(begun.1), elapsed);
            text.extend(rate.map(|rate| format!(" {rate}")));
        }
        if complete {
            text.push_str(" done");
        }
        self.line(key, &text, out);
    }

    fn finish(&mut self, key: Key, end: &str, at: Duration, out: &mut String) {
        let Some(step) = self.steps.get_mut(&key) else { return };
        let rest: Vec<String> = step.streams.iter_mut().filter_map(LogLines::finish).collect();
        self.log_lines(key, &rest, at, out);
        self.line(key, end, out);
    }
}
