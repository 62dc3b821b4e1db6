//! Why a build failed: one type with a category, diagnostics and hints.

use std::sync::Arc;

use crate::build_context::ContextError;
use crate::cancel::Cancelled;
use crate::diagnostic::{CheckWarning, Diagnostic, Severity};
use crate::dockerignore::IgnoreError;
use crate::export::ExportError;
use crate::fs::PathError;
use crate::image::ImageError;
use crate::plan::PlanError;
use crate::solve::{SolveError, StepError};
use crate::source::SourceError;
use crate::store::StoreError;
use crate::text::SourceFile;

/// Who can mend a failed build.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ErrorCategory {
    /// The Dockerfile, the context or an option is wrong.
    UserInput,
    /// A step ran and failed.
    Step,
    /// This machine does not allow or have what is needed.
    Environment,
    /// A registry could not be reached, or refused.
    Registry,
    /// The build was cancelled.
    Cancelled,
}

/// A build failed.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct BuildError {
    kind: Box<BuildErrorKind>,
}

/// What failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BuildErrorKind {
    /// The Dockerfile does not parse.
    #[error("`{}` has {} error(s)", source_file.name(), diagnostics.len())]
    Dockerfile {
        /// The file.
        source_file: Arc<SourceFile>,
        /// Every error, and the warnings.
        diagnostics: Vec<Diagnostic>,
    },
    /// The linter found what the build does not allow.
    #[error("the linter found {} thing(s) in `{}`", diagnostics.len(), source_file.name())]
    Denied {
        /// The file.
        source_file: Arc<SourceFile>,
        /// Every finding.
        diagnostics: Vec<Diagnostic>,
    },
    /// The file makes errors of what BuildKit's build checks found (`# check=error=true`).
    #[error("{}", violation(warnings))]
    Checks {
        /// The file.
        source_file: Arc<SourceFile>,
        /// Every finding.
        warnings: Vec<CheckWarning>,
    },
    /// The ignore file of a context has a malformed pattern.
    #[error("`{}` has a malformed pattern", source_file.name())]
    IgnoreFile {
        /// The file.
        source_file: Arc<SourceFile>,
        /// What is wrong.
        #[source]
        error: IgnoreError,
    },
    /// The Dockerfile parses but cannot be planned.
    #[error("`{}` cannot be built as it is", source_file.name())]
    Plan {
        /// The file.
        source_file: Arc<SourceFile>,
        /// Why.
        #[source]
        error: PlanError,
        /// What BuildKit's build checks found until then.
        warnings: Vec<CheckWarning>,
    },
    /// A base image could not be resolved.
    #[error("cannot resolve {}", image_of(name, context.as_deref()))]
    Resolve {
        /// The file.
        source_file: Arc<SourceFile>,
        /// The image.
        name: String,
        /// The named context that it is.
        context: Option<String>,
        /// Where it is asked for.
        span: crate::text::Span,
        /// Why.
        #[source]
        error: SourceError,
    },
    /// A step failed.
    #[error("a step of `{}` failed", source_file.name())]
    Solve {
        /// The file.
        source_file: Arc<SourceFile>,
        /// Why.
        #[source]
        error: Box<SolveError>,
    },
    /// The build context cannot be used.
    #[error(transparent)]
    Context(#[from] ContextError),
    /// An image could not be had.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The image could not be put together.
    #[error(transparent)]
    Image(#[from] ImageError),
    /// A result could not be written.
    #[error(transparent)]
    Export(#[from] ExportError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A file could not be used.
    #[error(transparent)]
    Path(#[from] PathError),
    /// An option makes no sense.
    #[error("{0}")]
    Option(OptionError),
    /// The build was cancelled.
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
}

/// An option of a build makes no sense.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OptionError {
    /// An output needs a place to write to.
    #[error("an output of type `{0}` needs `dest=PATH`")]
    MissingDestination(&'static str),
    /// A tag, or the name of an output, is none that an image can be given.
    #[error(transparent)]
    Name(#[from] crate::reference::ReferenceError),
    /// The build is for no platform at all.
    #[error("there is no platform to build for")]
    NoPlatform,
    /// `BUILDKIT_MULTI_PLATFORM` is no truth value.
    #[error("invalid boolean value {0} for BUILDKIT_MULTI_PLATFORM")]
    MultiPlatform(String),
    /// Several platforms, and `BUILDKIT_MULTI_PLATFORM` forbids an index.
    #[error("conflicting config: returning multiple target platforms is not allowed")]
    SeveralPlatforms,
    /// Outputs want different times, and layers are made with one.
    #[error("outputs give different values for `source-date-epoch`, and the layers that they share have one")]
    SeveralEpochs,
    /// An image is to be pushed, and has no name.
    #[error("tag is needed when pushing to registry")]
    PushWithoutName,
    /// This library was made without registries.
    #[error("pushing is not possible: there is no client for registries")]
    NoRegistry,
    /// Several outputs want standard output, or the caller passed no writer for it.
    #[error("standard output can take only one output")]
    StandardOutput,
}

impl From<OptionError> for BuildErrorKind {
    fn from(error: OptionError) -> Self {
        Self::Option(error)
    }
}

impl<E: Into<BuildErrorKind>> From<E> for BuildError {
    fn from(error: E) -> Self {
        Self { kind: Box::new(error.into()) }
    }
}

impl BuildError {
    /// Returns what failed.
    pub fn kind(&self) -> &BuildErrorKind {
        &self.kind
    }

    /// Adds what the build checks found to a plan's error.
    #[cfg(feature = "lint")]
    pub(super) fn beside(mut self, find: impl FnOnce(&PlanError) -> Vec<CheckWarning>) -> Self {
        if let BuildErrorKind::Plan { error, warnings, .. } = &mut *self.kind {
            *warnings = find(error);
        }
        self
    }

    /// Tells who can mend it.
    pub fn category(&self) -> ErrorCategory {
        match &*self.kind {
            BuildErrorKind::Dockerfile { .. }
            | BuildErrorKind::Denied { .. }
            | BuildErrorKind::Checks { .. }
            | BuildErrorKind::IgnoreFile { .. }
            | BuildErrorKind::Plan { .. }
            | BuildErrorKind::Context(_)
            | BuildErrorKind::Option(_) => ErrorCategory::UserInput,
            BuildErrorKind::Resolve { error, .. } | BuildErrorKind::Source(error) => of_source(error),
            BuildErrorKind::Solve { error, .. } if error.is_cancelled() => ErrorCategory::Cancelled,
            BuildErrorKind::Solve { error, .. } => match &error.cause {
                StepError::Command { .. } | StepError::Start { .. } => ErrorCategory::Step,
                StepError::Copy(_)
                | StepError::Account(_)
                | StepError::Host(_)
                | StepError::Workdir(_)
                | StepError::MountSource(_)
                | StepError::MountPoint(_)
                | StepError::MountNotFound { .. }
                | StepError::CacheSourceNotFound { .. }
                | StepError::SecretNotFound { .. }
                | StepError::Secret { .. }
                | StepError::SshNotForwarded { .. }
                | StepError::SshKeys { .. } => ErrorCategory::UserInput,
                StepError::Source(error) => of_source(error),
                _ => ErrorCategory::Environment,
            },
            BuildErrorKind::Cancelled(_) => ErrorCategory::Cancelled,
            BuildErrorKind::Export(error) if error.is_cancelled() => ErrorCategory::Cancelled,
            BuildErrorKind::Image(error) if error.is_cancelled() => ErrorCategory::Cancelled,
            BuildErrorKind::Export(error) if error.is_registry() => ErrorCategory::Registry,
            BuildErrorKind::Export(error) if error.is_input() => ErrorCategory::UserInput,
            BuildErrorKind::Image(error) if error.is_input() => ErrorCategory::UserInput,
            BuildErrorKind::Image(_)
            | BuildErrorKind::Export(_)
            | BuildErrorKind::Store(_)
            | BuildErrorKind::Path(_) => ErrorCategory::Environment,
        }
    }

    /// Returns what to do about it, where that is known and no diagnostic says it.
    pub fn hint(&self) -> Option<String> {
        match &*self.kind {
            BuildErrorKind::Export(error) => error.hint(),
            BuildErrorKind::Image(error) => error.hint(),
            BuildErrorKind::Source(error) => error.hint(),
            BuildErrorKind::Context(error) => error.hint(),
            _ => None,
        }
    }

    /// Returns the Dockerfile that the diagnostics point into.
    pub fn source_file(&self) -> Option<&SourceFile> {
        match &*self.kind {
            BuildErrorKind::Dockerfile { source_file, .. }
            | BuildErrorKind::Denied { source_file, .. }
            | BuildErrorKind::Checks { source_file, .. }
            | BuildErrorKind::IgnoreFile { source_file, .. }
            | BuildErrorKind::Plan { source_file, .. }
            | BuildErrorKind::Resolve { source_file, .. }
            | BuildErrorKind::Solve { source_file, .. } => Some(source_file),
            _ => None,
        }
    }

    /// Returns the failure in one line and in BuildKit's words, which scripts look for: the first of its errors.
    pub fn in_one_line(&self) -> String {
        /// Errors of the file as a whole, which BuildKit counts to no line.
        const OF_NO_LINE: [&str; 4] = ["empty-file", "no-instructions", "no-stages", "no-build-stage"];
        let diagnostics = self.diagnostics();
        let first = match &*self.kind {
            BuildErrorKind::Checks { warnings, .. } => return violation(warnings),
            _ => diagnostics.iter().find(|diagnostic| diagnostic.severity == Severity::Error),
        };
        let Some(first) = first else { return self.to_string() };
        match (&*self.kind, first.span()) {
            (BuildErrorKind::Dockerfile { source_file, .. }, Some(span)) if !OF_NO_LINE.contains(&first.id) => {
                let line = source_file.line_of(span);
                format!("dockerfile parse error on line {line}: {}", first.in_one_line())
            }
            _ => first.in_one_line(),
        }
    }

    /// Describes the failure for a person. Without a Dockerfile to point into there is one diagnostic, with
    /// no place.
    pub fn diagnostics(&self) -> Vec<Diagnostic> {
        match &*self.kind {
            BuildErrorKind::Dockerfile { diagnostics, .. } | BuildErrorKind::Denied { diagnostics, .. } => {
                diagnostics.clone()
            }
            BuildErrorKind::Checks { warnings, .. } => {
                let error = Diagnostic::new(Severity::Error, "lint-violation", violation(warnings)).note(
                    "the directive `# check=` at the top of the file says `error=true`, or a build arg in its place",
                );
                warnings.iter().map(|warning| warning.diagnostic.clone()).chain([error]).collect()
            }
            BuildErrorKind::Plan { error, .. } => error.diagnostics.clone(),
            BuildErrorKind::IgnoreFile { error, .. } => vec![error.to_diagnostic()],
            BuildErrorKind::Resolve { name, context, span, error, .. } => {
                let message = format!("cannot resolve {}: {}", image_of(name, context.as_deref()), chain(error));
                let mut diagnostic = Diagnostic::error("image-unavailable", *span, message);
                if let Some(hint) = error.hint_for_base() {
                    diagnostic = diagnostic.help(hint);
                }
                vec![diagnostic]
            }
            BuildErrorKind::Solve { error, .. } => vec![error.diagnostic()],
            BuildErrorKind::Source(error) if error.is_remote_file() => {
                let diagnostic = Diagnostic::new(Severity::Error, "fetch-failed", chain(error));
                vec![match error.hint() {
                    Some(hint) => diagnostic.help(hint),
                    None => diagnostic,
                }]
            }
            BuildErrorKind::Export(error) if error.is_registry() => {
                let diagnostic = Diagnostic::new(Severity::Error, "push-failed", chain(error));
                vec![match error.hint() {
                    Some(hint) => diagnostic.help(hint),
                    None => diagnostic,
                }]
            }
            other => vec![Diagnostic::new(Severity::Error, "build-failed", chain(other))],
        }
    }
}

/// An image in words, with the named context that it is.
fn image_of(name: &str, context: Option<&str>) -> String {
    match context {
        None => format!("`{name}`"),
        Some(context) => format!("`{name}` (the named context `{context}`)"),
    }
}

/// BuildKit's words where a build fails because of its checks.
fn violation(warnings: &[CheckWarning]) -> String {
    let mut rules: Vec<&str> = warnings.iter().map(|warning| warning.rule).collect();
    rules.sort_unstable();
    rules.dedup();
    format!("lint violation found for rules: {}", rules.join(", "))
}

fn of_source(error: &SourceError) -> ErrorCategory {
    if error.is_cancelled() {
        ErrorCategory::Cancelled
    } else if error.is_registry() {
        ErrorCategory::Registry
    } else {
        ErrorCategory::UserInput
    }
}

/// An error and its causes in one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.ends_with(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        source = cause.source();
    }
    text
}
