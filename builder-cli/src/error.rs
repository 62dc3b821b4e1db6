//! Errors of commands and the exit codes that they end in.

use std::error::Error;
use std::fmt;

use builder_core::diagnostic::Diagnostic;
use builder_core::text::SourceFile;

/// Why a command failed, as far as scripts care: each kind has an exit code.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum ErrorKind {
    /// A step of the build failed, or what was named does not exist.
    Failed,
    /// The command line, the Dockerfile or another input is wrong.
    Usage,
    /// This machine does not let it: no sandbox, an unusable store, a full disk.
    Environment,
    /// A registry or the network.
    Registry,
    /// A defect of this program.
    Internal,
    /// Interrupted by a signal.
    Interrupted,
    /// Nobody reads the standard output any more.
    BrokenPipe,
}

impl ErrorKind {
    /// All kinds, in the order of their exit codes.
    pub(crate) const ALL: [Self; 7] = [
        Self::Failed,
        Self::Usage,
        Self::Environment,
        Self::Registry,
        Self::Internal,
        Self::Interrupted,
        Self::BrokenPipe,
    ];

    /// Returns the exit code; a documented promise.
    pub(crate) const fn exit_code(self) -> u8 {
        match self {
            Self::Failed => 1,
            Self::Usage => 2,
            Self::Environment => 3,
            Self::Registry => 4,
            // What Rust ends a panic with, which is a defect too.
            Self::Internal => 101,
            // 128 and the number of the signal, as shells have it.
            Self::Interrupted => 130,
            Self::BrokenPipe => 141,
        }
    }

    /// Returns what the help text says about the exit code.
    pub(crate) const fn meaning(self) -> &'static str {
        match self {
            Self::Failed => "a step of the build failed, or a named image does not exist",
            Self::Usage => "bad flag, Dockerfile or other input",
            Self::Environment => "this machine: no sandbox, store or disk trouble",
            Self::Registry => "registry or network",
            Self::Internal => "a defect of builder itself",
            Self::Interrupted => "interrupted by SIGINT or SIGTERM (129: by SIGHUP, 131: by SIGQUIT)",
            Self::BrokenPipe => "standard output was closed early",
        }
    }
}

/// What a person is told about a source text.
#[derive(Debug, Default)]
pub(crate) struct Report {
    /// The text, where there is one.
    pub(crate) source_file: Option<SourceFile>,
    /// What to say about it.
    pub(crate) diagnostics: Vec<Diagnostic>,
    /// The failure in one line, as docker ends with it: scripts look for its words.
    pub(crate) last_line: Option<String>,
}

/// Why a command failed.
#[derive(Debug)]
pub(crate) struct CommandError {
    pub(crate) kind: ErrorKind,
    pub(crate) source: Box<dyn Error + Send + Sync>,
    pub(crate) hints: Vec<String>,
    /// Shown in place of `source` where it has diagnostics.
    pub(crate) report: Report,
}

impl CommandError {
    /// Makes an error of a kind.
    pub(crate) fn new(kind: ErrorKind, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { kind, source: source.into(), hints: Vec::new(), report: Report::default() }
    }

    /// Makes an error about the command line or another input.
    pub(crate) fn usage(source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::new(ErrorKind::Usage, source)
    }

    /// Makes an error about this machine.
    pub(crate) fn environment(source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::new(ErrorKind::Environment, source)
    }

    /// Adds something to do about it.
    #[must_use]
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }
}

impl fmt::Display for CommandError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.source.fmt(f)
    }
}

impl Error for CommandError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.source()
    }
}

/// Returns the section on exit codes for the help text.
pub(crate) fn exit_code_help() -> String {
    let mut text = "Exit codes:\n    0  all went well".to_owned();
    for kind in ErrorKind::ALL {
        text.push_str(&format!("\n  {:>3}  {}", kind.exit_code(), kind.meaning()));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exit_codes_are_distinct_and_never_zero() {
        let mut codes: Vec<u8> = ErrorKind::ALL.iter().map(|kind| kind.exit_code()).collect();
        codes.dedup();
        assert_eq!(codes, [1, 2, 3, 4, 101, 130, 141]);
    }
}
