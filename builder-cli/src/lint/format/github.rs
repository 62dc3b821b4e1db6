//! Annotations of GitHub Actions: commands that its runner reads from the log.

use builder_core::diagnostic::render::visible;
use builder_core::lint::Level;

use super::{Page, Place};

/// Writes `::error file=…,line=…::message`.
pub(super) fn write(page: Page<'_>) -> String {
    let mut out = String::new();
    for (file, finding) in page.findings() {
        let kind = match finding.level {
            Level::Error => "error",
            Level::Warning => "warning",
            Level::Info | Level::Style => "notice",
        };
        let place = Place::of(&file.source, finding);
        let mut message = finding.diagnostic.message.clone();
        if let Some(help) = &finding.diagnostic.help {
            message.push_str(&format!("\nhelp: {help}"));
        }
        // Columns are for ranges within a line.
        let columns = if place.start.line == place.end.line {
            format!(",col={},endColumn={}", place.start.column, place.end.column)
        } else {
            String::new()
        };
        let lines: Vec<_> = message.split('\n').map(visible).collect();
        out.push_str(&format!(
            "::{kind} file={},line={},endLine={}{columns},title={}::{}\n",
            property(&visible(file.source.name())),
            place.start.line,
            place.end.line,
            property(finding.code()),
            data(&lines.join("\n"))
        ));
    }
    out
}

fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}
