//! What a rule found.

use super::fix::Fix;
use super::rule::{Level, Rule};
use crate::diagnostic::Diagnostic;
use crate::text::Span;

/// What a rule found.
#[derive(Clone, Debug)]
pub struct Finding {
    /// The rule.
    pub rule: &'static Rule,
    /// How grave it is here.
    pub level: Level,
    /// What to say, and where.
    pub diagnostic: Diagnostic,
    /// The instruction that it is about, by its place in the file.
    pub instruction: Option<usize>,
    /// All of that instruction.
    pub anchor: Span,
    /// What would mend it.
    pub fix: Option<Fix>,
}

impl Finding {
    /// Returns the name that is shown: hadolint's, ShellCheck's or BuildKit's code, else the rule's id.
    pub fn code(&self) -> &'static str {
        self.rule.code()
    }

    /// Returns where it is.
    pub fn span(&self) -> Span {
        self.diagnostic.span().unwrap_or(self.anchor)
    }
}

impl PartialEq for Finding {
    fn eq(&self, other: &Self) -> bool {
        self.rule.id == other.rule.id
            && self.level == other.level
            && self.diagnostic == other.diagnostic
            && self.anchor == other.anchor
            && self.fix == other.fix
    }
}

impl Eq for Finding {}
