//! Renderers: diagnostics to any writer. Pure functions of diagnostic, source and style.
//!
//! Source text, names and messages may come from hostile files, so nothing of them reaches the writer that
//! a terminal could act upon: control characters and those that change the direction of text are drawn as
//! something visible.

mod full;
mod json;
mod visible;
mod window;

use std::fmt;

use super::{Diagnostic, Severity};
use crate::text::{LineColumn, SourceFile};

pub use full::{full, titled};
pub use json::json;
pub use visible::visible;
pub use window::window;

/// How diagnostics look.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Style {
    /// Whether to use ANSI colours.
    pub color: bool,
}

/// The parts of a drawing that have a colour.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Paint {
    Severity(Severity),
    Strong,
    Gutter,
}

impl Style {
    /// Writes a text in a colour.
    fn paint(self, out: &mut dyn fmt::Write, paint: Paint, text: fmt::Arguments<'_>) -> fmt::Result {
        if !self.color {
            return out.write_fmt(text);
        }
        out.write_str(match paint {
            Paint::Severity(Severity::Error) => "\u{1b}[1;31m",
            Paint::Severity(Severity::Warning) => "\u{1b}[1;33m",
            Paint::Severity(Severity::Note) => "\u{1b}[1;32m",
            Paint::Strong => "\u{1b}[1m",
            Paint::Gutter => "\u{1b}[1;34m",
        })?;
        out.write_fmt(text)?;
        out.write_str("\u{1b}[0m")
    }
}

/// Returns the word for a severity.
fn word(severity: Severity) -> &'static str {
    match severity {
        Severity::Note => "note",
        Severity::Warning => "warning",
        Severity::Error => "error",
    }
}

/// Returns line and column as people count them: a byte order mark is no character of the first line.
pub fn place(source: &SourceFile, offset: u32) -> LineColumn {
    let mut place = source.lines().line_column(source.text(), offset);
    if place.line == 1 && place.column > 1 && source.text().starts_with('\u{feff}') {
        place.column -= 1;
    }
    place
}

/// Draws a diagnostic on one line: `file:line:column: error[id]: message (help)`.
///
/// # Errors
/// Those of the writer.
pub fn concise(out: &mut dyn fmt::Write, source: &SourceFile, diagnostic: &Diagnostic, style: &Style) -> fmt::Result {
    write!(out, "{}:", visible(source.name()))?;
    if let Some(span) = diagnostic.span() {
        let place = place(source, span.start);
        write!(out, "{}:{}:", place.line, place.column)?;
    }
    out.write_char(' ')?;
    let severity = Paint::Severity(diagnostic.severity);
    style.paint(out, severity, format_args!("{}[{}]", word(diagnostic.severity), diagnostic.id))?;
    write!(out, ": {}", visible(&diagnostic.message))?;
    if let Some(help) = &diagnostic.help {
        write!(out, " ({})", visible(help))?;
    }
    out.write_char('\n')
}

#[cfg(test)]
mod tests;
