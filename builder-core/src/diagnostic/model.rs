//! The diagnostic type.

use crate::text::Span;

/// How grave a diagnostic is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Severity {
    /// Something to know.
    Note,
    /// Something to mend; the build goes on.
    Warning,
    /// The file cannot be used as it is.
    Error,
}

/// A place in the source with a few words about it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Label {
    /// Where.
    pub span: Span,
    /// What to say there; may be empty.
    pub message: String,
}

/// One thing to tell, with its place, and what to do about it.
///
/// Messages are lower case without full stop, name things in backticks, and say what was expected.
#[derive(Clone, PartialEq, Eq, Debug)]
#[must_use]
pub struct Diagnostic {
    /// A stable kebab-case identifier, such as `unknown-instruction`.
    pub id: &'static str,
    /// How grave it is.
    pub severity: Severity,
    /// The one-line message.
    pub message: String,
    /// The narrowest place that shows the problem, where there is one.
    pub primary: Option<Label>,
    /// Other places that matter, such as "first named here".
    pub secondary: Vec<Label>,
    /// Facts that explain the message.
    pub notes: Vec<String>,
    /// What to do about it.
    pub help: Option<String>,
}

impl Diagnostic {
    /// Makes an error at a place.
    pub fn error(id: &'static str, span: Span, message: impl Into<String>) -> Self {
        Self::new(Severity::Error, id, message).at(span, "")
    }

    /// Makes a warning at a place.
    pub fn warning(id: &'static str, span: Span, message: impl Into<String>) -> Self {
        Self::new(Severity::Warning, id, message).at(span, "")
    }

    /// Makes a diagnostic without a place.
    pub fn new(severity: Severity, id: &'static str, message: impl Into<String>) -> Self {
        Self {
            id,
            severity,
            message: message.into(),
            primary: None,
            secondary: Vec::new(),
            notes: Vec::new(),
            help: None,
        }
    }

    /// Sets the primary place and the words beside its underline.
    pub fn at(mut self, span: Span, label: impl Into<String>) -> Self {
        self.primary = Some(Label { span, message: label.into() });
        self
    }

    /// Adds a secondary place.
    pub fn also(mut self, span: Span, label: impl Into<String>) -> Self {
        self.secondary.push(Label { span, message: label.into() });
        self
    }

    /// Adds a note.
    pub fn note(mut self, note: impl Into<String>) -> Self {
        self.notes.push(note.into());
        self
    }

    /// Sets what to do.
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Returns the message as BuildKit has it in its one line: a suggestion stands behind it in parentheses.
    pub fn in_one_line(&self) -> String {
        let word = self.help.as_deref().and_then(|help| help.strip_prefix("did you mean `")?.strip_suffix("`?"));
        match word.filter(|_| !self.message.ends_with("?)")) {
            Some(word) => format!("{} (did you mean {}?)", self.message, word.trim_start_matches("--")),
            None => self.message.clone(),
        }
    }

    /// Returns the span of the primary label.
    pub fn span(&self) -> Option<Span> {
        self.primary.as_ref().map(|label| label.span)
    }
}
