//! For people: the source with underlines; or one line a finding.

use builder_core::diagnostic::render::{Style, titled, visible};
use builder_core::lint::{Applicability, Finding};

use super::{Page, Place};

/// Writes findings with the lines that they are about, help, what would mend them, and a link.
pub(super) fn write(page: Page<'_>) -> String {
    let mut out = String::new();
    let style = Style { color: page.color };
    for (file, finding) in page.findings() {
        let mut diagnostic = finding.diagnostic.clone();
        if let Some(note) = fix_note(finding) {
            // A rule without help has the fix's title there, which the note repeats.
            diagnostic.help.take_if(|help| finding.fix.as_ref().is_some_and(|fix| fix.title == *help));
            diagnostic.notes.push(note);
        }
        if let Some(url) = finding.rule.url() {
            diagnostic.notes.push(url);
        }
        // A `String` takes everything.
        let _ = titled(&mut out, &file.source, &diagnostic, &style, finding.level.name(), finding.code());
        out.push('\n');
    }
    out
}

/// Says what `--fix` would do.
fn fix_note(finding: &Finding) -> Option<String> {
    let fix = finding.fix.as_ref()?;
    match fix.applicability {
        Applicability::Safe => Some(format!("--fix would {}", fix.title)),
        Applicability::Unsafe => Some(format!("--fix --unsafe-fixes would {}", fix.title)),
        Applicability::Display => None,
    }
}

/// Writes `file:line:column: level[code]: message`.
pub(super) fn compact(page: Page<'_>) -> String {
    let mut out = String::new();
    for (file, finding) in page.findings() {
        let start = Place::of(&file.source, finding).start;
        out.push_str(&format!(
            "{}:{}:{}: {}[{}]: {}\n",
            visible(file.source.name()),
            start.line,
            start.column,
            finding.level.name(),
            finding.code(),
            visible(&finding.diagnostic.message),
        ));
    }
    out
}
