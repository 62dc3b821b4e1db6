//! Answers for programs, with BuildKit's names of fields.

use builder_core::builder::CheckReport;
use builder_core::semantic::outline::{Outline, OutlineMount, Target};
use builder_core::text::{SourceFile, Span};
use serde_json::{Map, Value, json};

use super::text::VERSION;
use crate::ui::progress_json::base64;

/// An object without the fields that are empty: Go leaves them out.
fn object(fields: impl IntoIterator<Item = (&'static str, Value)>) -> Value {
    let is_empty = |value: &Value| match value {
        Value::Null | Value::Bool(false) => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        _ => false,
    };
    let fields = fields.into_iter().filter(|(_, value)| !is_empty(value));
    Value::Object(fields.map(|(name, value)| (name.to_owned(), value)).collect::<Map<_, _>>())
}

fn lines((first, last): (u32, u32)) -> Value {
    json!({ "ranges": [{ "start": { "line": first }, "end": { "line": last } }] })
}

fn location(source: &SourceFile, span: Span) -> Value {
    let line = |offset| source.lines().line_column(source.text(), offset).line;
    lines((line(span.start), line(span.end.saturating_sub(1).max(span.start))))
}

fn text_of(source: &SourceFile) -> String {
    base64(source.text().as_bytes())
}

/// `subrequests.describe`.
pub(super) fn methods(methods: &[(&str, &str)]) -> Value {
    let method = |(name, description): &(&str, &str)| {
        let options = if *name == "outline" {
            json!([{ "name": "target", "description": "Target build stage" }])
        } else {
            json!([])
        };
        json!({
            "name": format!("frontend.{name}"),
            "version": VERSION,
            "type": "rpc",
            "description": description,
            "opts": options,
            "inputs": null,
            "metadata": [{ "name": "result.json", "description": "" }, { "name": "result.txt", "description": "" }],
            "refs": null,
        })
    };
    Value::Array(methods.iter().map(method).collect())
}

/// `check`.
pub(super) fn check(report: &CheckReport) -> Value {
    let source = &report.source_file;
    let warning = |warning: &builder_core::diagnostic::CheckWarning| {
        object([
            ("ruleName", warning.rule.into()),
            ("description", warning.description.into()),
            ("url", warning.url.clone().unwrap_or_default().into()),
            ("detail", warning.diagnostic.message.clone().into()),
            ("location", lines(warning.lines)),
        ])
    };
    let mut answer = json!({
        "warnings": report.warnings.iter().map(warning).collect::<Vec<_>>(),
        "sources": [{ "filename": source.name(), "data": text_of(source), "language": "Dockerfile" }],
    });
    if let Some(error) = report.error.as_ref().or(report.violation.as_ref()) {
        let location = error.lines.map_or(Value::Null, lines);
        answer["buildError"] = object([("message", error.message.clone().into()), ("location", location)]);
    }
    answer
}

/// `targets`.
pub(super) fn targets(source: &SourceFile, targets: &[Target]) -> Value {
    let target = |target: &Target| {
        object([
            ("name", target.name.clone().into()),
            ("default", target.is_default.into()),
            ("description", target.description.clone().into()),
            ("base", target.base.clone().into()),
            ("platform", target.platform.clone().into()),
            ("location", location(source, target.span)),
        ])
    };
    json!({ "targets": targets.iter().map(target).collect::<Vec<_>>(), "sources": [text_of(source)] })
}

/// `outline`.
pub(super) fn outline(source: &SourceFile, outline: &Outline) -> Value {
    let mount = |name: &'static str| {
        move |mount: &OutlineMount| {
            object([
                (name, mount.id.clone().into()),
                ("required", mount.required.into()),
                ("location", location(source, mount.span)),
            ])
        }
    };
    let arg = |arg: &builder_core::semantic::outline::OutlineArgument| {
        object([
            ("name", arg.name.clone().into()),
            ("description", arg.description.clone().into()),
            ("value", arg.value.clone().into()),
            ("location", location(source, arg.span)),
        ])
    };
    object([
        ("name", outline.name.clone().into()),
        ("description", outline.description.clone().into()),
        ("args", outline.args.iter().map(arg).collect()),
        ("secrets", outline.secrets.iter().map(mount("name")).collect()),
        ("ssh", outline.ssh.iter().map(mount("name")).collect()),
        ("cache", outline.caches.iter().map(mount("ID")).collect()),
        ("sources", json!([text_of(source)])),
    ])
}
