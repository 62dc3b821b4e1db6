//! Code Climate's issues, and GitLab's report of them.

use builder_core::lint::{Finding, Level};
use serde_json::{Value, json};
use sha1::{Digest, Sha1};

use super::{Page, Place, bundle, is_syntax_error};
use crate::lint::Linted;

/// Writes objects, each ended by a NUL.
pub(super) fn write(page: Page<'_>) -> String {
    let mut out = String::new();
    for (file, finding) in page.findings() {
        out.push_str(&format!("{}\0", issue(page, file, finding)));
    }
    out
}

/// Writes an array of objects with fingerprints.
pub(super) fn gitlab(page: Page<'_>) -> String {
    let mut seen: Vec<String> = Vec::new();
    let issues: Vec<Value> = page
        .findings()
        .map(|(file, finding)| {
            let issue = issue(page, file, finding);
            let fingerprint = if page.compat {
                hash(&issue.to_string())
            } else {
                // The text of the line stays when the line moves.
                let line = Place::of(&file.source, finding).start.line;
                let text = file.source.lines().line_text(file.source.text(), line).trim();
                let key = format!("{}\n{}\n{text}\n{}", page.path_of(file), finding.code(), finding.diagnostic.message);
                let before = seen.iter().filter(|known| **known == key).count();
                seen.push(key.clone());
                hash(&format!("{key}\n{before}"))
            };
            with_fingerprint(issue, &fingerprint)
        })
        .collect();
    format!("{}{}", Value::Array(issues), page.end())
}

/// The keys are in the order of the alphabet, as hadolint has them: it hashes the text.
fn issue(page: Page<'_>, file: &Linted, finding: &Finding) -> Value {
    let place = Place::of(&file.source, finding);
    let path = page.path_of(file);
    let location = if page.compat && is_syntax_error(finding) {
        let at = json!({ "column": place.start.column, "line": place.start.line });
        // For these hadolint keeps the path of the file.
        json!({ "path": file.source.name(), "positions": { "begin": at, "end": at } })
    } else if page.compat {
        json!({ "lines": { "begin": place.start.line, "end": place.start.line }, "path": path })
    } else {
        json!({
            "path": path,
            "positions": {
                "begin": { "column": place.start.column, "line": place.start.line },
                "end": { "column": place.end.column, "line": place.end.line },
            },
        })
    };
    let severity = match finding.level {
        Level::Error => "blocker",
        Level::Warning => "major",
        Level::Info => "info",
        Level::Style => "minor",
    };
    json!({
        "categories": ["Bug Risk"],
        "check_name": finding.code(),
        "description": bundle(page, file, finding),
        "location": location,
        "severity": severity,
        "type": "issue",
    })
}

fn with_fingerprint(issue: Value, fingerprint: &str) -> Value {
    let Value::Object(fields) = issue else { return issue };
    let mut out = serde_json::Map::new();
    for (key, value) in fields {
        let is_next = key == "location";
        if is_next {
            out.insert("fingerprint".to_owned(), fingerprint.into());
        }
        out.insert(key, value);
    }
    Value::Object(out)
}

fn hash(text: &str) -> String {
    let mut out = String::new();
    for byte in Sha1::digest(text.as_bytes()) {
        out.push_str(&format!("{byte:02x}"));
    }
    out
}
