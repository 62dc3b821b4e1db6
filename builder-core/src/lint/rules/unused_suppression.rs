//! A comment that silences nothing.

use super::super::suppression::Suppression;
use crate::diagnostic::{Diagnostic, Severity};
use crate::lint::finding::Finding;
use crate::lint::options::{Dialect, LintOptions};
use crate::lint::prelude::*;
use crate::lint::registry::{find_rule, index_of};

rule! {
    /// ## What it does
    /// Finds comments that silence a rule which found nothing there.
    ///
    /// ## Why it matters
    /// The reason for the comment is gone, or its code is misspelled; either way it hides what comes next.
    ///
    /// ## Example
    /// ```dockerfile
    /// # hadolint ignore=DL3006
    /// FROM debian:12
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// FROM debian:12
    /// ```
    RULE {
        id: "unused-suppression",
        codes: &[],
        summary: "a comment that silences nothing",
        level: Level::Info,
        group: Group::Maintenance,
        activation: Activation::Default,
        fixable: Fixable::Never,
        status: FIRST,
        check: Check::File(|_| ()),
    }
}

/// Codes that hadolint had once.
const RETIRED: [&str; 5] = ["DL3005", "DL3017", "DL3031", "DL3039", "DL4002"];

/// Reports every comment that was meant to silence something and is no valid one.
pub(in crate::lint) fn report_malformed(
    options: &LintOptions,
    malformed: Vec<(Span, String)>,
    findings: &mut Vec<Finding>,
) {
    let Some(level) = options.level(index_of(&RULE)).filter(|_| options.dialect == Dialect::Builder) else { return };
    findings.extend(malformed.into_iter().map(|(span, message)| Finding {
        rule: &RULE,
        level,
        diagnostic: Diagnostic::new(Severity::Note, RULE.id, message).at(span, ""),
        instruction: None,
        anchor: span,
        fix: None,
    }));
}

/// Reports every code that silenced nothing, unless its rule does not look here anyway.
pub(in crate::lint) fn report(options: &LintOptions, suppressions: &[Suppression], findings: &mut Vec<Finding>) {
    let Some(level) = options.level(index_of(&RULE)).filter(|_| options.dialect == Dialect::Builder) else { return };
    for suppression in suppressions.iter().filter(|suppression| !suppression.used) {
        let code = suppression.code.value.as_str();
        let message = match find_rule(code) {
            Some(rule) if options.level(index_of(rule)).is_none() => continue,
            Some(_) => format!("`{code}` finds nothing here"),
            // ShellCheck has hundreds of codes, and BuildKit may have new ones.
            None if code.starts_with("SC") || code == "ALL" => continue,
            None if RETIRED.contains(&code) => format!("`{code}` is retired, and nothing looks for it: drop it"),
            None => format!("no rule is named `{code}`"),
        };
        findings.push(Finding {
            rule: &RULE,
            level,
            diagnostic: Diagnostic::new(Severity::Note, RULE.id, message).at(suppression.code.span, ""),
            instruction: None,
            anchor: suppression.comment,
            fix: None,
        });
    }
}
