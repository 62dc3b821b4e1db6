//! Codacy's issues.

use serde_json::json;

use super::{Page, Place, bundle};

/// Writes objects, one after another; a line each unless hadolint's own form is asked for.
pub(super) fn write(page: Page<'_>) -> String {
    let mut out = String::new();
    for (file, finding) in page.findings() {
        let issue = json!({
            "filename": file.source.name(),
            "line": Place::of(&file.source, finding).start.line,
            "message": bundle(page, file, finding),
            "patternId": finding.code(),
        });
        out.push_str(&format!("{issue}{}", page.end()));
    }
    out
}
