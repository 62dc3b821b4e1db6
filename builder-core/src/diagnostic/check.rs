//! What BuildKit's build checks found: the form that `--check` and the end of a build show.

use super::Diagnostic;

/// One of BuildKit's build checks found something.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CheckWarning {
    /// The check's name, such as `StageNameCasing`.
    pub rule: &'static str,
    /// What the check is about.
    pub description: &'static str,
    /// Where it is documented.
    pub url: Option<String>,
    /// What is said, in BuildKit's words, and the narrowest place that shows it.
    pub diagnostic: Diagnostic,
    /// The first and the last line that it is about, from 1 on.
    pub lines: (u32, u32),
}

impl CheckWarning {
    /// Returns the one line that a build ends with.
    pub fn in_one_line(&self) -> String {
        format!("{}: {} (line {})", self.rule, self.diagnostic.message, self.lines.0)
    }
}
