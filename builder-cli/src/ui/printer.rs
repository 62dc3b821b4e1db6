//! The two streams: data on standard output, words for people on standard error.

use std::io::{self, Write};

use anstream::{AutoStream, ColorChoice};
use builder_core::diagnostic::render::visible;
use builder_core::diagnostic::{CheckWarning, Diagnostic, Severity};
use builder_core::text::SourceFile;

use super::progress::{Paint, Warned};
use super::{diagnostics, error_chain};
use crate::error::{CommandError, ErrorKind};

/// How much of what is wrong with a file is shown: what follows is mostly what the first errors led to.
const MOST_SHOWN: usize = 20;

/// Writes to the two streams.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Printer {
    paint: Paint,
}

impl Printer {
    /// Makes a printer that colours what it writes to standard error, or does not.
    pub(crate) fn new(paint: Paint) -> Self {
        Self { paint }
    }

    /// Returns whether standard error has colours.
    pub(crate) fn paint(self) -> Paint {
        self.paint
    }

    /// Writes data to standard output.
    ///
    /// # Errors
    /// Standard output cannot be written to.
    #[expect(clippy::unused_self, reason = "whoever writes data has been given a printer")]
    pub(crate) fn data(self, text: &str) -> Result<(), CommandError> {
        let mut stdout = io::stdout().lock();
        stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()).map_err(stdout_error)
    }

    /// Says something on standard error.
    pub(crate) fn note(self, text: &str) {
        self.stderr(|out| writeln!(out, "{text}"));
    }

    /// Says several lines on standard error, each with its end.
    pub(crate) fn text(self, text: &str) {
        self.stderr(|out| out.write_all(text.as_bytes()));
    }

    /// Shows what there is to say about a Dockerfile.
    pub(crate) fn diagnostics(self, source: Option<&SourceFile>, diagnostics: &[Diagnostic]) {
        self.stderr(|out| {
            diagnostics.iter().try_for_each(|diagnostic| diagnostics::write(out, source, diagnostic, self.paint))
        });
    }

    /// Shows what the linter found in what was built, a line each; what is only worth knowing is counted.
    pub(crate) fn findings(self, findings: &[(&'static str, Warned)]) {
        let is_grave = |diagnostic: &Diagnostic| diagnostic.severity >= Severity::Warning;
        let mut others = 0;
        for (code, (source, diagnostic)) in findings {
            if !is_grave(diagnostic) {
                others += 1;
                continue;
            }
            let place = diagnostic.span().map(|span| source.lines().line_column(source.text(), span.start));
            let place = place.map_or(String::new(), |place| format!(":{}:{}", place.line, place.column));
            self.note(&format!("lint: {}{place}: {} [{code}]", source.name(), diagnostic.message));
        }
        if others > 0 {
            self.note(&format!("lint: {others} more that are only worth knowing: `builder lint` shows them"));
        }
    }

    /// Shows what BuildKit's build checks found in what was built, a line each, as docker does.
    pub(crate) fn checks(self, warnings: &[CheckWarning]) {
        if warnings.is_empty() {
            return;
        }
        let plural = if warnings.len() == 1 { "" } else { "s" };
        let hint = "(`builder build --check` shows them in full)";
        self.note(&format!("\n {} warning{plural} found {hint}:", warnings.len()));
        for warning in warnings {
            self.note(&format!(" - {}", visible(&warning.in_one_line())));
        }
    }

    /// Shows why a command failed.
    pub(crate) fn error(self, error: &CommandError) {
        match error.kind {
            // Whoever closed the pipe knows.
            ErrorKind::BrokenPipe => {}
            ErrorKind::Interrupted => self.note("interrupted"),
            _ if error.report.diagnostics.is_empty() => {
                self.stderr(|out| error_chain::write_chain(out, error, &error.hints));
            }
            _ => {
                let all = &error.report.diagnostics;
                let (shown, more) = all.split_at(all.len().min(MOST_SHOWN));
                self.diagnostics(error.report.source_file.as_ref(), shown);
                if !more.is_empty() {
                    self.note(&format!("and {} more", more.len()));
                }
                self.stderr(|out| error_chain::write_hints(out, &error.hints));
                if let Some(line) = &error.report.last_line {
                    self.note(&visible(line));
                }
            }
        }
    }

    /// Runs a writer over standard error. Failures are dropped: there is no other place to report them.
    fn stderr(self, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) {
        let choice = if self.paint == Paint::Colored { ColorChoice::AlwaysAnsi } else { ColorChoice::Never };
        let mut stream = AutoStream::new(io::stderr().lock(), choice);
        drop(write(&mut stream).and_then(|()| stream.flush()));
    }
}

/// Turns a failure to write to standard output into the error of a command.
pub(crate) fn stdout_error(error: io::Error) -> CommandError {
    let kind = if error.kind() == io::ErrorKind::BrokenPipe { ErrorKind::BrokenPipe } else { ErrorKind::Environment };
    CommandError::new(kind, StdoutError(error))
}

#[derive(Debug, thiserror::Error)]
#[error("cannot write to standard output")]
struct StdoutError(#[source] io::Error);
