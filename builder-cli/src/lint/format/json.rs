//! An array of objects.

use builder_core::diagnostic::render::place;
use builder_core::lint::{Applicability, Finding, Fix};
use builder_core::text::{SourceFile, Span};
use rayon::prelude::*;
use serde_json::{Value, json};

use super::super::Linted;
use super::{Page, Place};

/// Writes hadolint's array; more keys in each object unless hadolint's own form is asked for.
///
/// Keys of hadolint's: `code`, `column`, `file`, `level`, `line`, `message`. Ours: `endLine`, `endColumn` (behind the
/// last character), `rule` (the id), `names` (every code that means the rule), `help`, `notes`, `url`, `related`
/// (other places), and `fix` with `title`, `applicability` (`safe`, `unsafe`, `display`) and `edits`, whose `start` and
/// `end` are offsets in bytes.
pub(super) fn write(page: Page<'_>) -> String {
    // A file at a time and not all at once: what a tree of values takes is many times what is written of it.
    let parts = page.files.par_iter().map(|file| {
        let objects = file.findings.iter().map(|finding| object(page, file, finding).to_string());
        objects.collect::<Vec<_>>().join(",")
    });
    let parts: Vec<String> = parts.filter(|part| !part.is_empty()).collect();
    format!("[{}]{}", parts.join(","), page.end())
}

fn object(page: Page<'_>, file: &Linted, finding: &Finding) -> Value {
    let place = Place::of(&file.source, finding);
    let mut object = json!({
        "code": finding.code(),
        "column": place.start.column,
        "file": file.source.name(),
        "level": finding.level.name(),
        "line": place.start.line,
        "message": finding.diagnostic.message,
    });
    if let (false, Value::Object(object), Value::Object(more)) =
        (page.compat, &mut object, more(&file.source, finding, place))
    {
        object.extend(more);
    }
    object
}

fn more(source: &SourceFile, finding: &Finding, place: Place) -> Value {
    let related: Vec<Value> = finding
        .diagnostic
        .secondary
        .iter()
        .map(|label| {
            let mut object = span(source, label.span);
            object["message"] = label.message.as_str().into();
            object
        })
        .collect();
    json!({
        "endLine": place.end.line,
        "endColumn": place.end.column,
        "rule": finding.rule.id,
        "names": finding.rule.codes,
        "help": finding.diagnostic.help,
        "notes": finding.diagnostic.notes,
        "url": finding.rule.url(),
        "related": related,
        "fix": finding.fix.as_ref().map(|fix| self::fix(source, fix)),
    })
}

fn fix(source: &SourceFile, fix: &Fix) -> Value {
    let edits: Vec<Value> = fix
        .edits
        .iter()
        .map(|edit| {
            let mut object = span(source, edit.span);
            object["start"] = edit.span.start.into();
            object["end"] = edit.span.end.into();
            object["text"] = edit.text.as_str().into();
            object
        })
        .collect();
    let applicability = match fix.applicability {
        Applicability::Safe => "safe",
        Applicability::Unsafe => "unsafe",
        Applicability::Display => "display",
    };
    json!({ "title": fix.title, "applicability": applicability, "edits": edits })
}

fn span(source: &SourceFile, span: Span) -> Value {
    let (start, end) = (place(source, span.start), place(source, span.end));
    json!({ "line": start.line, "column": start.column, "endLine": end.line, "endColumn": end.column })
}
