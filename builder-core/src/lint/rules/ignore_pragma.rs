//! `DL1001`.

use super::super::suppression::Suppression;
use crate::diagnostic::{Diagnostic, Severity};
use crate::lint::finding::Finding;
use crate::lint::options::LintOptions;
use crate::lint::prelude::*;
use crate::lint::registry::index_of;

rule! {
    /// ## What it does
    /// Finds comments that silence rules for one instruction. It is off unless selected.
    ///
    /// ## Why it matters
    /// Some projects want every exception in the configuration, where it is seen.
    ///
    /// ## Example
    /// ```dockerfile
    /// # hadolint ignore=DL3006
    /// FROM debian
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// FROM debian:12
    /// ```
    RULE {
        id: "ignore-pragma",
        codes: &["DL1001"],
        summary: "a comment that silences rules",
        level: Level::Warning,
        group: Group::Maintenance,
        activation: Activation::Opinion,
        fixable: Fixable::Never,
        status: FIRST,
        check: Check::File(|_| ()),
    }
}

/// Reports every plain `# hadolint ignore=`: suppression knows them.
pub(in crate::lint) fn report(options: &LintOptions, suppressions: &[Suppression], findings: &mut Vec<Finding>) {
    let Some(level) = options.level(index_of(&RULE)) else { return };
    let mut last = None;
    for suppression in suppressions.iter().filter(|suppression| suppression.is_inline) {
        if last.replace(suppression.comment) == Some(suppression.comment) {
            continue;
        }
        let message = "this comment silences rules";
        findings.push(Finding {
            rule: &RULE,
            level,
            diagnostic: Diagnostic::new(Severity::Warning, RULE.id, message).at(suppression.comment, ""),
            instruction: None,
            anchor: suppression.comment,
            fix: None,
        });
    }
}
