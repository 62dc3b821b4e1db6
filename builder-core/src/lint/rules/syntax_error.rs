//! `DL1000`.

use crate::diagnostic::{Diagnostic, Severity};
use crate::lint::finding::Finding;
use crate::lint::options::Dialect;
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

/// Errors that rules of their own report: `instruction-before-from` and `forbidden-trigger`.
const REPORTED_ELSEWHERE: [&str; 2] = ["no-build-stage", "invalid-trigger"];

/// Errors of the build that hadolint's parser does not see.
const UNSEEN_BY_HADOLINT: [&str; 9] = [
    "copy-from-variable",
    "empty-file",
    "invalid-stage-name",
    "json-not-strings",
    "missing-flag-value",
    "no-instructions",
    "no-stages",
    "shell-not-json",
    "unknown-flag",
];

/// Makes findings of the parser's errors. hadolint stops at the first one.
pub(in crate::lint) fn findings(diagnostics: Vec<Diagnostic>, dialect: Dialect) -> Vec<Finding> {
    let is_hadolint = dialect == Dialect::Hadolint;
    let errors = diagnostics.into_iter().filter(|diagnostic| {
        diagnostic.severity == Severity::Error
            && !REPORTED_ELSEWHERE.contains(&diagnostic.id)
            && !(is_hadolint && UNSEEN_BY_HADOLINT.contains(&diagnostic.id))
    });
    errors
        .take(if is_hadolint { 1 } else { usize::MAX })
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
