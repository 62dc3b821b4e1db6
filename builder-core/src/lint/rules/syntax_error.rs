//! `DL1000`.

use crate::diagnostic::{Diagnostic, Severity};
use crate::lint::finding::Finding;
use crate::lint::prelude::*;

rule! {
    /// ## What it does
    /// Reports what the parser cannot read.
    ///
    /// ## Why it matters
    /// The build fails.
    ///
    /// ## Example
    /// ```dockerfile
    /// FORM debian:12
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// FROM debian:12
    /// ```
    RULE {
        id: "syntax-error",
        codes: &["DL1000"],
        summary: "the file does not parse",
        level: Level::Error,
        group: Group::Correctness,
        activation: Activation::Default,
        fixable: Fixable::Never,
        status: FIRST,
        check: Check::File(|_| ()),
    }
}

/// Makes findings of the parser's errors.
pub(in crate::lint) fn findings(diagnostics: Vec<Diagnostic>) -> Vec<Finding> {
    let errors = diagnostics.into_iter().filter(|diagnostic| diagnostic.severity == Severity::Error);
    errors
        .map(|diagnostic| Finding {
            rule: &RULE,
            level: Level::Error,
            instruction: None,
            anchor: diagnostic.span().unwrap_or_default(),
            diagnostic,
            fix: None,
        })
        .collect()
}
