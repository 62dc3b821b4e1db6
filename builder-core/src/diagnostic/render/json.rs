//! Diagnostics for programs: one JSON object a line.

use std::fmt;

use serde_json::{Value, json};

use super::super::{Diagnostic, Label};
use super::{place, word};
use crate::text::SourceFile;

/// Draws a diagnostic as one JSON object on one line.
///
/// Fields: `id`, `severity`, `message`, `file`, `spans` (the first with `primary` true, where there is one),
/// `notes`, `help`. A span has byte offsets `start` and `end`, and 1-based `line`, `column`, `end_line` and
/// `end_column`, columns in Unicode scalar values; ends are exclusive.
///
/// # Errors
/// Those of the writer.
pub fn json(out: &mut dyn fmt::Write, source: &SourceFile, diagnostic: &Diagnostic) -> fmt::Result {
    let primary = diagnostic.primary.iter().map(|label| span(source, label, true));
    let secondary = diagnostic.secondary.iter().map(|label| span(source, label, false));
    let object = json!({
        "id": diagnostic.id,
        "severity": word(diagnostic.severity),
        "message": diagnostic.message,
        "file": source.name(),
        "spans": primary.chain(secondary).collect::<Vec<_>>(),
        "notes": diagnostic.notes,
        "help": diagnostic.help,
    });
    writeln!(out, "{object}")
}

fn span(source: &SourceFile, label: &Label, primary: bool) -> Value {
    let (start, end) = (place(source, label.span.start), place(source, label.span.end));
    json!({
        "primary": primary,
        "start": label.span.start,
        "end": label.span.end,
        "line": start.line,
        "column": start.column,
        "end_line": end.line,
        "end_column": end.column,
        "label": label.message,
    })
}
