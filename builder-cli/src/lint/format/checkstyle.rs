//! Checkstyle's XML.

use super::{Page, Place, bundle, is_syntax_error, xml};

/// Writes a document with a `file` for each file.
pub(super) fn write(page: Page<'_>) -> String {
    let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?><checkstyle version=\"4.3\">");
    for file in page.files {
        let name = xml::attribute(page.path_of(file));
        if file.findings.is_empty() {
            out.push_str(&format!("<file name=\"{name}\"/>"));
            continue;
        }
        out.push_str(&format!("<file name=\"{name}\">"));
        for finding in &file.findings {
            let start = Place::of(&file.source, finding).start;
            let source = if page.compat && is_syntax_error(finding) {
                String::new()
            } else {
                format!(" source=\"{}\"", xml::attribute(finding.code()))
            };
            out.push_str(&format!(
                "<error column=\"{}\" line=\"{}\" message=\"{}\" severity=\"{}\"{source}/>",
                start.column,
                start.line,
                xml::attribute(&bundle(page, file, finding)),
                finding.level.name(),
            ));
        }
        out.push_str("</file>");
    }
    out.push_str("</checkstyle>");
    out.push_str(page.end());
    out
}
