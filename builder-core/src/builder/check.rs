//! `--check`: the build checks and nothing else.

use std::sync::Arc;

use super::checks::{CheckScope, Stop, before_error};
use super::prepare::Tasks;
use super::{BuildError, BuildErrorKind, BuildOptions, Builder};
use crate::cancel::CancelToken;
use crate::diagnostic::CheckWarning;
use crate::dockerfile::parse;
use crate::event::EventSink;
use crate::text::SourceFile;

/// Why a Dockerfile could not be built.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CheckedError {
    /// What is wrong, in BuildKit's words.
    pub message: String,
    /// The first and the last line that it is about, where it is about some.
    pub lines: Option<(u32, u32)>,
}

/// What the build checks say.
#[derive(Clone, Debug)]
#[must_use]
pub struct CheckReport {
    /// The Dockerfile.
    pub source_file: Arc<SourceFile>,
    /// The findings, in the order of their lines.
    pub warnings: Vec<CheckWarning>,
    /// Why the Dockerfile could not be built at all.
    pub error: Option<CheckedError>,
    /// What a build fails with because the file makes errors of the findings.
    pub violation: Option<CheckedError>,
}

impl Builder {
    /// Makes BuildKit's build checks, of every stage where no target is given. Base images are looked at, nothing is
    /// run.
    ///
    /// # Errors
    /// [`BuildError`] where there is nothing to check, or this machine is in the way. A Dockerfile that cannot be
    /// built is a report.
    pub fn check(
        &self,
        options: &BuildOptions,
        events: &dyn EventSink,
        cancel: &CancelToken,
    ) -> Result<CheckReport, BuildError> {
        let mut options = options.clone();
        options.checks = CheckScope::All;
        options.lint = None;
        let error = match self.prepare(&options, &Tasks::new(events), events, cancel) {
            Ok(prepared) => {
                let (source_file, warnings) = (prepared.source_file, prepared.warnings);
                return Ok(CheckReport { source_file, warnings, error: None, violation: None });
            }
            Err(error) => error,
        };
        let source_file = match error.kind() {
            BuildErrorKind::Checks { source_file, warnings } => {
                let (source_file, warnings) = (Arc::clone(source_file), warnings.clone());
                let lines = warnings.first().map(|warning| warning.lines);
                let violation = Some(CheckedError { message: error.in_one_line(), lines });
                return Ok(CheckReport { source_file, warnings, error: None, violation });
            }
            BuildErrorKind::Dockerfile { source_file, .. }
            | BuildErrorKind::Plan { source_file, .. }
            | BuildErrorKind::Resolve { source_file, .. } => Arc::clone(source_file),
            _ => return Err(error),
        };
        let place = error.diagnostics().first().and_then(crate::diagnostic::Diagnostic::span);
        let dockerfile = parse(&source_file).dockerfile;
        let instruction = place.and_then(|place| {
            dockerfile.instructions.iter().find(|i| i.span.start <= place.start && place.end <= i.span.end)
        });
        let about = place.map(|place| instruction.map_or(place, |instruction| instruction.span));
        let line = |offset| source_file.lines().line_column(source_file.text(), offset).line;
        let lines = about.map(|span| (line(span.start), line(span.end.saturating_sub(1).max(span.start))));
        let warnings = match error.kind() {
            BuildErrorKind::Plan { warnings, .. } => warnings.clone(),
            BuildErrorKind::Resolve { .. } => before_error(&options, &source_file, &dockerfile, Stop::Resolving),
            _ => before_error(&options, &source_file, &dockerfile, Stop::Parsing(about)),
        };
        let message = error.in_one_line();
        Ok(CheckReport { source_file, warnings, error: Some(CheckedError { message, lines }), violation: None })
    }
}
