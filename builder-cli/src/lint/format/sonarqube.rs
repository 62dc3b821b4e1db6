//! SonarQube's generic issues.

use builder_core::lint::{Finding, Group, Level};
use builder_core::text::LineColumn;
use serde_json::{Value, json};

use super::{Page, Place, is_syntax_error};
use crate::lint::Linted;

/// Writes one object with all issues.
pub(super) fn write(page: Page<'_>) -> String {
    let issues: Vec<Value> = page.findings().map(|(file, finding)| issue(page, file, finding)).collect();
    format!("{}{}", json!({ "issues": issues }), page.end())
}

fn issue(page: Page<'_>, file: &Linted, finding: &Finding) -> Value {
    let is_error = is_syntax_error(finding);
    let severity = match finding.level {
        Level::Error if is_error => "BLOCKER",
        Level::Error => "CRITICAL",
        Level::Warning => "MAJOR",
        Level::Info => "MINOR",
        Level::Style => "INFO",
    };
    let kind = match finding.level {
        _ if !page.compat && finding.rule.group == Group::Security => "VULNERABILITY",
        Level::Error => "BUG",
        _ => "CODE_SMELL",
    };
    let place = Place::of(&file.source, finding);
    json!({
        "engineId": if page.compat { "Hadolint" } else { "builder" },
        "primaryLocation": {
            "filePath": page.path_of(file),
            "message": finding.diagnostic.message,
            "textRange": range(page, file, place, is_error),
        },
        "ruleId": finding.code(),
        "severity": severity,
        "type": kind,
    })
}

/// Columns count from 0 there, and a range must not be empty.
fn range(page: Page<'_>, file: &Linted, place: Place, is_error: bool) -> Value {
    let LineColumn { line, column } = place.start;
    if page.compat {
        let from = if is_error { column } else { column.saturating_sub(1) };
        return json!({ "endColumn": column, "endLine": line, "startColumn": from, "startLine": line });
    }
    let (mut from, mut end) = (column.saturating_sub(1), place.end);
    end.column = end.column.saturating_sub(1);
    let length = file.source.lines().line_text(file.source.text(), line).chars().count();
    let length = u32::try_from(length).unwrap_or(u32::MAX);
    if (end.line, end.column) == (line, from) {
        if from < length {
            end.column = from + 1;
        } else {
            from = from.saturating_sub(1);
        }
    }
    if length == 0 {
        // Nothing on the line to point at: the whole line.
        return json!({ "startLine": line });
    }
    json!({ "endColumn": end.column, "endLine": end.line, "startColumn": from, "startLine": line })
}
