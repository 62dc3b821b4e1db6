//! The form of GNU's compilers, which editors read.

use builder_core::diagnostic::render::visible;

use super::{Page, Place, is_syntax_error};

/// Writes `builder:FILE:LINE:COLUMN: CODE level: message`; hadolint has no column but for syntax errors.
pub(super) fn write(page: Page<'_>) -> String {
    let (mut out, tool) = (String::new(), page.tool());
    for (file, finding) in page.findings() {
        let name = visible(file.source.name());
        let message = visible(&finding.diagnostic.message);
        let (start, code, level) = (Place::of(&file.source, finding).start, finding.code(), finding.level.name());
        let line = start.line;
        out.push_str(&match page.compat {
            true if is_syntax_error(finding) => format!("{tool}:{name}:{line}:{}: {message}\n", start.column),
            true => format!("{tool}:{name}:{line}: {code} {level}: {message}\n"),
            false => format!("{tool}:{name}:{line}:{}: {code} {level}: {message}\n", start.column),
        });
    }
    out
}
