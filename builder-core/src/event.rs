//! What happens during a build, as owned data: the library never draws.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::diagnostic::{CheckWarning, Diagnostic};
use crate::digest::Digest;
use crate::explanation::Explanation;
use crate::ids::VertexId;
use crate::text::SourceFile;

/// One step as announced when the plan is ready.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StepInfo {
    /// The vertex.
    pub id: VertexId,
    /// The step's name in BuildKit's form: `[stage 2/3] RUN make`.
    pub name: String,
    /// The line of the Dockerfile, 1-based, or `None` for internal steps.
    pub line: Option<u32>,
    /// The steps whose results this one needs.
    pub inputs: Vec<VertexId>,
}

/// The stream that a piece of log came from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LogStream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

/// The unit of a progress figure.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ProgressUnit {
    /// Bytes transferred or written.
    Bytes,
    /// Files or layers handled.
    Items,
}

/// How a step ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum StepStatus {
    /// It ran.
    Done,
    /// Its result was in the cache.
    Cached,
    /// It failed; the message is one line.
    Failed(String),
    /// The build was cancelled while it ran.
    Cancelled,
}

/// Something that happened. Steps are announced once in [`Event::PlanReady`]; everything else refers to
/// them by id. Exports and pulls that belong to no step come as [`Event::TaskStarted`] and so on.
#[derive(Clone, PartialEq, Debug)]
#[non_exhaustive]
pub enum Event {
    /// All steps of the build are known.
    PlanReady {
        /// The steps in topological order.
        steps: Vec<StepInfo>,
    },
    /// A step waits: another build on the same store is running it. What follows is its end, cached, or its start.
    StepWaiting {
        /// The step.
        id: VertexId,
    },
    /// A step began to run (cached steps are never started).
    StepStarted {
        /// The step.
        id: VertexId,
    },
    /// A part of a step moved on, such as the download of one blob.
    StepProgress {
        /// The step.
        id: VertexId,
        /// What moves: `sha256:…`, `context`, …
        item: String,
        /// How far it is.
        current: u64,
        /// How far it goes, where known.
        total: Option<u64>,
        /// What is counted.
        unit: ProgressUnit,
    },
    /// A running step wrote something.
    StepLog {
        /// The step.
        id: VertexId,
        /// The stream it was written to.
        stream: LogStream,
        /// The bytes, not necessarily whole lines or UTF-8.
        data: Vec<u8>,
    },
    /// How a step came to its result; comes before its end.
    StepExplained {
        /// The step.
        id: VertexId,
        /// Why it ran, or which build made what was found.
        explanation: Explanation,
    },
    /// A step ended.
    StepFinished {
        /// The step.
        id: VertexId,
        /// How.
        status: StepStatus,
        /// How long it ran.
        elapsed: Duration,
    },
    /// Work that is no step of the plan began, such as loading metadata or an export.
    TaskStarted {
        /// A number that is unique in this build.
        task: u32,
        /// Its name: `[internal] load metadata for …`, `exporting to image`.
        name: String,
    },
    /// A part of a task moved on.
    TaskProgress {
        /// The task.
        task: u32,
        /// What moves.
        item: String,
        /// How far it is.
        current: u64,
        /// How far it goes, where known.
        total: Option<u64>,
        /// What is counted.
        unit: ProgressUnit,
    },
    /// A task ended.
    TaskFinished {
        /// The task.
        task: u32,
        /// `None` when it went well, else the one-line message.
        error: Option<String>,
        /// How long it took.
        elapsed: Duration,
    },
    /// A warning about the Dockerfile or the build.
    Warning {
        /// What is said.
        diagnostic: Diagnostic,
        /// The text that its spans point into.
        source_file: Arc<SourceFile>,
    },
    /// The linter found something in a stage that is built.
    Finding {
        /// The code that people know it by: hadolint's, ShellCheck's or BuildKit's, else the rule's id.
        code: &'static str,
        /// What is said.
        diagnostic: Diagnostic,
        /// The text that its spans point into.
        source_file: Arc<SourceFile>,
    },
    /// One of BuildKit's build checks found something in what is built.
    Check {
        /// What it found.
        warning: CheckWarning,
        /// The text that its spans point into.
        source_file: Arc<SourceFile>,
    },
    /// The image is complete.
    ImageReady {
        /// The digest of the image's manifest.
        manifest: Digest,
        /// The digest of the image's config.
        config: Digest,
        /// The full names under which it was stored.
        names: Vec<String>,
    },
}

/// Receives events. A sink must not block the builder for long; calls come from several threads.
pub trait EventSink: Sync + Send {
    /// Takes one event.
    fn emit(&self, event: Event);
}

/// Forgets every event.
#[derive(Clone, Copy, Debug, Default)]
pub struct NullSink;

impl EventSink for NullSink {
    fn emit(&self, _event: Event) {}
}

/// Keeps every event, for tests and embedders that look afterwards.
#[derive(Debug, Default)]
pub struct CollectingSink {
    events: Mutex<Vec<Event>>,
}

impl CollectingSink {
    /// Returns what has been collected so far.
    pub fn events(&self) -> Vec<Event> {
        self.events.lock().map(|events| events.clone()).unwrap_or_default()
    }
}

impl EventSink for CollectingSink {
    fn emit(&self, event: Event) {
        if let Ok(mut events) = self.events.lock() {
            events.push(event);
        }
    }
}

/// Sends every event into a channel; events after the receiver is gone are dropped.
#[derive(Clone, Debug)]
pub struct ChannelSink {
    sender: std::sync::mpsc::Sender<Event>,
}

impl ChannelSink {
    /// Wraps a sender.
    pub fn new(sender: std::sync::mpsc::Sender<Event>) -> Self {
        Self { sender }
    }
}

impl EventSink for ChannelSink {
    fn emit(&self, event: Event) {
        // The receiver may have gone away first; nobody is left to tell.
        drop(self.sender.send(event));
    }
}
