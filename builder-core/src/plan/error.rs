//! Why a Dockerfile cannot be planned.

use crate::diagnostic::Diagnostic;

/// A Dockerfile that parses cannot be built as it is. Spans point into the Dockerfile.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{}", diagnostics.first().map_or("the Dockerfile cannot be planned", |first| first.message.as_str()))]
pub struct PlanError {
    /// Everything that is wrong, at least one.
    pub diagnostics: Vec<Diagnostic>,
}
