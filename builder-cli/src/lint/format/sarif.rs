//! SARIF 2.1.0.

use std::collections::BTreeMap;

use builder_core::lint::{Applicability, Finding, Group, Level, Rule};
use builder_core::text::{SourceFile, Span};
use serde_json::{Map, Value, json};

use super::{Page, Place, is_syntax_error};
use crate::lint::Linted;
use crate::lint::explain::markdown;

/// Writes one run.
pub(super) fn write(page: Page<'_>) -> String {
    let value = if page.compat { hadolints(page) } else { ours(page) };
    format!("{value}{}", page.end())
}

fn level(level: Level) -> &'static str {
    match level {
        Level::Error => "error",
        Level::Warning => "warning",
        Level::Info | Level::Style => "note",
    }
}

fn hadolints(page: Page<'_>) -> Value {
    let results: Vec<Value> = page
        .findings()
        .map(|(file, finding)| {
            let start = Place::of(&file.source, finding).start;
            let language = if finding.rule.is_shellchecks() { "sh" } else { "dockerfile" };
            let region = json!({
                "endColumn": start.column, "endLine": start.line, "sourceLanguage": language,
                "startColumn": start.column, "startLine": start.line,
            });
            let physical = json!({ "artifactLocation": { "uri": file.source.name() }, "region": region });
            json!({
                "level": level(finding.level),
                "locations": [{ "physicalLocation": physical }],
                "message": { "text": finding.diagnostic.message },
                "ruleId": finding.code(),
            })
        })
        .collect();
    json!({
        "$schema": "http://json.schemastore.org/sarif-2.1.0",
        "runs": [{
            "defaultSourceLanguage": "dockerfile",
            "results": results,
            "tool": { "driver": {
                "downloadUri": "https://github.com/hadolint/hadolint",
                "fullName": "Haskell Dockerfile Linter",
                "name": "Hadolint",
                "shortDescription": { "text": "Dockerfile linter, validate inline bash, written in Haskell" },
                "version": "2.15.1",
            } },
        }],
        "version": "2.1.0",
    })
}

fn ours(page: Page<'_>) -> Value {
    let mut rules: BTreeMap<&str, &Rule> = BTreeMap::new();
    for (_, finding) in page.findings() {
        rules.insert(finding.code(), finding.rule);
    }
    let index = |code: &str| rules.keys().position(|known| *known == code);
    let results: Vec<Value> =
        page.findings().map(|(file, finding)| result(file, finding, index(finding.code()))).collect();
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": "builder",
                "fullName": "builder lint",
                "version": env!("CARGO_PKG_VERSION"),
                "semanticVersion": env!("CARGO_PKG_VERSION"),
                "rules": rules.values().map(|rule| descriptor(rule)).collect::<Vec<_>>(),
            } },
            "columnKind": "unicodeCodePoints",
            "defaultSourceLanguage": "dockerfile",
            "results": results,
        }],
    })
}

fn descriptor(rule: &Rule) -> Value {
    let text = markdown(rule);
    let mut tags = vec![rule.group.name()];
    tags.extend(rule.codes.iter().copied().filter(|code| *code != rule.code()));
    let mut object = json!({
        "id": rule.code(),
        "name": rule.id,
        "shortDescription": { "text": rule.summary },
        "fullDescription": { "text": rule.summary },
        "help": { "text": text, "markdown": text },
        "defaultConfiguration": { "level": level(rule.level) },
        "properties": { "tags": tags },
    });
    if text.is_empty() {
        object["help"] = json!({ "text": rule.summary });
    }
    if let Some(url) = rule.url() {
        object["helpUri"] = url.into();
    }
    if rule.group == Group::Security {
        // GitHub shows these among its security alerts, by a number.
        let severity = if rule.level == Level::Error { "8.0" } else { "5.0" };
        object["properties"]["security-severity"] = severity.into();
        object["properties"]["tags"] = json!(["security"]);
    }
    object
}

fn result(file: &Linted, finding: &Finding, index: Option<usize>) -> Value {
    let source = &file.source;
    let mut text = finding.diagnostic.message.clone();
    if let Some(help) = &finding.diagnostic.help {
        text.push_str(&format!("\n{help}"));
    }
    let mut object = Map::new();
    object.insert("ruleId".to_owned(), finding.code().into());
    object.insert("ruleIndex".to_owned(), index.into());
    object.insert("level".to_owned(), level(finding.level).into());
    object.insert("message".to_owned(), json!({ "text": text }));
    object.insert("locations".to_owned(), json!([{ "physicalLocation": physical(source, finding.span()) }]));
    let related: Vec<Value> = finding
        .diagnostic
        .secondary
        .iter()
        .enumerate()
        .map(|(at, label)| {
            let mut object = json!({ "id": at, "physicalLocation": physical(source, label.span) });
            if !label.message.is_empty() {
                object["message"] = json!({ "text": label.message });
            }
            object
        })
        .collect();
    if !related.is_empty() {
        object.insert("relatedLocations".to_owned(), related.into());
    }
    if let Some(fix) = finding.fix.as_ref().filter(|fix| fix.applicability != Applicability::Display) {
        let replacements: Vec<Value> = fix
            .edits
            .iter()
            .map(|edit| json!({ "deletedRegion": region(source, edit.span), "insertedContent": { "text": edit.text } }))
            .collect();
        if !replacements.is_empty() {
            let change = json!({ "artifactLocation": { "uri": uri(source.name()) }, "replacements": replacements });
            object.insert(
                "fixes".to_owned(),
                json!([{ "description": { "text": fix.title }, "artifactChanges": [change] }]),
            );
        }
    }
    debug_assert!(!is_syntax_error(finding) || finding.level == Level::Error);
    Value::Object(object)
}

fn physical(source: &SourceFile, span: Span) -> Value {
    json!({ "artifactLocation": { "uri": uri(source.name()) }, "region": region(source, span) })
}

fn region(source: &SourceFile, span: Span) -> Value {
    let (start, end) = (
        builder_core::diagnostic::render::place(source, span.start),
        builder_core::diagnostic::render::place(source, span.end),
    );
    json!({ "startLine": start.line, "startColumn": start.column, "endLine": end.line, "endColumn": end.column })
}

/// Writes a path as a reference of a URI: what has a meaning there is escaped.
fn uri(path: &str) -> String {
    let mut out = String::with_capacity(path.len() + 8);
    if path.starts_with('/') {
        out.push_str("file://");
    }
    for byte in path.strip_prefix("./").unwrap_or(path).bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'-' | b'_' | b'.' | b'~' | b'+' | b'@' | b',' => {
                out.push(char::from(byte));
            }
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}
