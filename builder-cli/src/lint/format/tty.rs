//! hadolint's form for people.

use builder_core::diagnostic::render::visible;
use builder_core::lint::Level;

use super::{Page, Place, is_syntax_error};

/// Writes `FILE:LINE CODE level: message`.
pub(super) fn write(page: Page<'_>) -> String {
    let mut out = String::new();
    for (file, finding) in page.findings() {
        let name = visible(file.source.name());
        let start = Place::of(&file.source, finding).start;
        let message = visible(&finding.diagnostic.message);
        if is_syntax_error(finding) {
            out.push_str(&format!("{name}:{}:{} {message}\n", start.line, start.column));
        } else {
            let level = level(finding.level, page.color);
            out.push_str(&format!("{name}:{} {} {level}: {message}\n", start.line, finding.code()));
        }
    }
    out
}

fn level(level: Level, color: bool) -> String {
    let name = level.name();
    match (color, level) {
        (false, _) => name.to_owned(),
        (true, Level::Error) => format!("\u{1b}[1m\u{1b}[91m{name}\u{1b}[0m"),
        (true, Level::Warning) => format!("\u{1b}[1m\u{1b}[93m{name}\u{1b}[0m"),
        (true, Level::Info) => format!("\u{1b}[92m{name}\u{1b}[0m"),
        (true, Level::Style) => format!("\u{1b}[96m{name}\u{1b}[0m"),
    }
}
