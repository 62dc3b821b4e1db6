//! What is wrong with an ignore pattern.

use crate::diagnostic::Diagnostic;
use crate::text::Span;

/// A malformed pattern.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{kind}")]
pub struct IgnoreError {
    /// What is wrong.
    pub kind: IgnoreErrorKind,
    /// The pattern as written.
    pub pattern: String,
    /// Its line, 1-based.
    pub line: u32,
    /// Its place in the file.
    pub span: Span,
}

/// The ways in which a pattern can be malformed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IgnoreErrorKind {
    /// A `!` with nothing behind it.
    #[error("illegal exclusion pattern: \"!\"")]
    IllegalExclusion,
    /// A class without end or members, or a `\` at the end.
    #[error("syntax error in pattern")]
    BadPattern,
}

impl IgnoreError {
    /// Returns the error with its place, for the renderers.
    pub fn to_diagnostic(&self) -> Diagnostic {
        let diagnostic = Diagnostic::error("invalid-ignore-pattern", self.span, self.kind.to_string());
        diagnostic.help(match self.kind {
            IgnoreErrorKind::IllegalExclusion => "write the path to include again behind the `!`",
            IgnoreErrorKind::BadPattern => "put a `\\` before a `[` or `\\` that stands for itself",
        })
    }
}
