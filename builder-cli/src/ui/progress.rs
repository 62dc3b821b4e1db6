//! The thread that takes events and shows them.

use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, Write};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use builder_core::diagnostic::{CheckWarning, Diagnostic};
use builder_core::event::{Event, EventSink};
use builder_core::explanation::ExplainedStep;
use builder_core::ids::VertexId;
use builder_core::registry::{Wait, Waits};
use builder_core::text::SourceFile;

use super::explain::Explain;
use super::progress_json::Json;
use super::progress_plain::Plain;
use super::progress_tty::Tty;
use super::waits::SILENCE;

/// The time between two pictures of the live display.
const TICK: Duration = Duration::from_millis(100);
/// Events that may wait to be shown. A step that writes faster than the terminal takes is slowed down
/// rather than kept in memory.
const QUEUE: usize = 256;

/// What the progress of a build looks like.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Mode {
    /// A picture that is redrawn in place.
    Tty,
    /// Lines of text.
    Plain,
    /// Lines of JSON.
    Json,
    /// Nothing.
    Quiet,
}

/// Whether text has colours.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Paint {
    /// It has.
    Colored,
    /// It has none.
    Plain,
}

/// Turns events into text for standard error. Pure: times come in, text goes out.
pub(super) trait Renderer: Send {
    /// Takes one event that happened at a time since the start.
    fn event(&mut self, at: Duration, event: &Event) -> String;

    /// Is called about ten times a second, with what is being waited for.
    fn tick(&mut self, _at: Duration, _waits: &[Wait]) -> String {
        String::new()
    }

    /// Is called once at the end.
    fn finish(&mut self, _at: Duration) -> String {
        String::new()
    }
}

/// Shows nothing.
struct Quiet;

impl Renderer for Quiet {
    fn event(&mut self, _at: Duration, _event: &Event) -> String {
        String::new()
    }
}

struct Stamped {
    at: Duration,
    event: Event,
}

/// The sink that a build writes its events to.
#[derive(Clone, Debug)]
pub(crate) struct ProgressSink {
    start: Instant,
    sender: SyncSender<Stamped>,
}

impl fmt::Debug for Stamped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.event.fmt(f)
    }
}

impl EventSink for ProgressSink {
    fn emit(&self, event: Event) {
        // The receiver lives until all senders are gone; if its thread died there is nobody to tell.
        drop(self.sender.send(Stamped { at: self.start.elapsed(), event }));
    }
}

/// A warning, and the text that it points into.
pub(crate) type Warned = (Arc<SourceFile>, Diagnostic);

/// What a build had to say besides its steps.
#[derive(Debug, Default)]
pub(crate) struct Told {
    /// Warnings about the Dockerfile or the build.
    pub(crate) warnings: Vec<Warned>,
    /// What the linter found, with its codes.
    pub(crate) findings: Vec<(&'static str, Warned)>,
    /// What BuildKit's build checks found.
    pub(crate) checks: Vec<CheckWarning>,
    /// Why steps ran, by their number.
    pub(crate) explained: BTreeMap<VertexId, ExplainedStep>,
}

/// A running display.
#[derive(Debug)]
pub(crate) struct Progress {
    sink: ProgressSink,
    thread: JoinHandle<Told>,
}

impl Progress {
    /// Starts a display on standard error; it looks by itself what is waited for.
    ///
    /// # Errors
    /// The system has no thread left.
    pub(crate) fn start(mode: Mode, paint: Paint, explain: Explain, waits: Waits) -> io::Result<Self> {
        let mut renderer: Box<dyn Renderer> = match mode {
            Mode::Tty => Box::new(Tty::new(paint, explain)),
            Mode::Plain => Box::new(Plain::new(explain)),
            Mode::Json => Box::new(Json::new(jiff::Timestamp::now())),
            Mode::Quiet => Box::new(Quiet),
        };
        let (sender, receiver) = sync_channel(QUEUE);
        let start = Instant::now();
        let thread = thread::Builder::new().name("progress".to_owned()).spawn(move || {
            let mut terminal = Terminal { broken: false };
            drive(&receiver, start, &waits, renderer.as_mut(), &mut terminal)
        })?;
        Ok(Self { sink: ProgressSink { start, sender }, thread })
    }

    /// Returns the sink to give to a build.
    pub(crate) fn sink(&self) -> &ProgressSink {
        &self.sink
    }

    /// Ends the display and returns what else was said.
    pub(crate) fn finish(self) -> Told {
        drop(self.sink);
        // A panic of the display thread has been reported by the panic hook; the build's result stands.
        self.thread.join().unwrap_or_default()
    }
}

/// Gives the cursor back, for a process that ends at once.
pub(crate) fn restore_terminal() {
    let stderr = io::stderr();
    if rustix::termios::isatty(&stderr) {
        // The process ends next: there is nobody to report to. Not through the lock, which the display
        // thread may hold.
        let _ = rustix::io::write(&stderr, super::progress_tty::RESTORE.as_bytes());
    }
}

/// Standard error, given up after the first failure: progress that nobody sees must not end a build.
struct Terminal {
    broken: bool,
}

impl Terminal {
    fn show(&mut self, text: &str) {
        if !self.broken && !text.is_empty() {
            let mut stderr = io::stderr().lock();
            self.broken = stderr.write_all(text.as_bytes()).and_then(|()| stderr.flush()).is_err();
        }
    }
}

fn drive(
    receiver: &Receiver<Stamped>,
    start: Instant,
    waits: &Waits,
    renderer: &mut dyn Renderer,
    terminal: &mut Terminal,
) -> Told {
    let mut told = Told::default();
    let mut names: BTreeMap<VertexId, String> = BTreeMap::new();
    let mut next = Instant::now();
    loop {
        match receiver.recv_timeout(next.saturating_duration_since(Instant::now())) {
            Ok(Stamped { at, event }) => {
                terminal.show(&renderer.event(at, &event));
                match event {
                    Event::PlanReady { steps } => names = steps.into_iter().map(|step| (step.id, step.name)).collect(),
                    Event::StepExplained { id, explanation } => {
                        let name = names.get(&id).cloned().unwrap_or_default();
                        told.explained.insert(id, ExplainedStep { name, explanation });
                    }
                    Event::Warning { diagnostic, source_file } => {
                        let warning = (source_file, diagnostic);
                        // Steps of several platforms may say the same.
                        if !told.warnings.contains(&warning) {
                            told.warnings.push(warning);
                        }
                    }
                    Event::Check { warning, .. } => told.checks.push(warning),
                    Event::Finding { code, diagnostic, source_file } => {
                        told.findings.push((code, (source_file, diagnostic)));
                    }
                    _ => {}
                }
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => break,
        }
        if Instant::now() >= next {
            terminal.show(&renderer.tick(start.elapsed(), &waits.longer_than(SILENCE)));
            next = Instant::now() + TICK;
        }
    }
    terminal.show(&renderer.finish(start.elapsed()));
    told
}
