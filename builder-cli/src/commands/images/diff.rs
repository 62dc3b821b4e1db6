//! `diff`.

use builder_core::diagnostic::render::visible;
use builder_core::fs::entry::FileKind;
use builder_core::image::{ConfigChange, Difference, FileChange, ImageDiff};
use serde_json::{Map, Value, json};

use crate::args::{DiffArgs, DiffFormat};
use crate::commands::Session;
use crate::commands::build::command_error;
use crate::error::CommandError;
use crate::settings;
use crate::ui::format::size;

/// The exit code for images that differ, where one is asked for.
const DIFFERENT: u8 = 1;

pub(in crate::commands) fn diff(arguments: &DiffArgs, session: &Session) -> Result<u8, CommandError> {
    let platform = settings::platform(arguments.platform.as_deref())?;
    let (before, after) = (session.find(&arguments.before)?, session.find(&arguments.after)?);
    let diff =
        session.builder.diff_images(&before, &after, platform.as_ref(), &session.cancel).map_err(command_error)?;
    session.printer.data(&match arguments.format {
        DiffFormat::Text => text(&diff),
        DiffFormat::Json => format!("{:#}\n", object(&diff)),
    })?;
    Ok(if arguments.exit_code && !diff.is_empty() { DIFFERENT } else { 0 })
}

/// A line a difference, with docker's letters, and one that sums up.
fn text(diff: &ImageDiff) -> String {
    if diff.is_empty() {
        return "the images do not differ\n".to_owned();
    }
    let mut out: String = diff.files.iter().map(line).collect();
    for ConfigChange { field, before, after } in &diff.config {
        let value = |value: &Option<Value>| value.as_ref().map_or_else(|| "(none)".to_owned(), Value::to_string);
        out.push_str(&visible(&format!("config {field}: {} -> {}", value(before), value(after))));
        out.push('\n');
    }
    let [added, changed, removed] = diff.totals();
    let files = |count: u64| if count == 1 { "file" } else { "files" };
    let fields = if diff.config.len() == 1 { "field" } else { "fields" };
    out.push_str(&format!(
        "{} {} added ({}), {} changed ({} -> {}), {} removed ({}), {} {fields} of the config\n",
        added.files,
        files(added.files),
        size(added.after),
        changed.files,
        size(changed.before),
        size(changed.after),
        removed.files,
        size(removed.before),
        diff.config.len(),
    ));
    out
}

fn line(change: &FileChange) -> String {
    let path = change.path.to_string_lossy();
    let path = visible(&path);
    let slash = if change.kind == FileKind::Directory && !path.ends_with('/') { "/" } else { "" };
    let (letter, what) = match change.differences.first() {
        Some(Difference::Added) => ('A', of_file(change.kind, change.size.1)),
        Some(Difference::Removed) => ('D', of_file(change.kind, change.size.0)),
        _ => {
            let words: Vec<String> = change.differences.iter().map(words).collect();
            ('C', format!(" ({})", words.join(", ")))
        }
    };
    format!("{letter} {path}{slash}{what}\n")
}

fn of_file(kind: FileKind, bytes: u64) -> String {
    if kind == FileKind::File { format!(" ({})", size(bytes)) } else { String::new() }
}

fn words(difference: &Difference) -> String {
    match difference {
        Difference::Added | Difference::Removed => String::new(),
        Difference::Kind(before, after) => format!("type {} -> {}", kind(*before), kind(*after)),
        Difference::Content => "content".to_owned(),
        Difference::Size(before, after) => format!("size {} -> {}", size(*before), size(*after)),
        Difference::Mode(before, after) => format!("mode {before:04o} -> {after:04o}"),
        Difference::Owner(before, after) => format!("owner {} -> {}", pair(*before), pair(*after)),
        Difference::Link(before, after) => {
            format!("link {} -> {}", visible(&before.to_string_lossy()), visible(&after.to_string_lossy()))
        }
        Difference::Device(before, after) => format!("device {} -> {}", pair(*before), pair(*after)),
        Difference::Attributes(names) => format!("attributes {}", visible(&names.join(" "))),
    }
}

fn pair((a, b): (u32, u32)) -> String {
    format!("{a}:{b}")
}

fn kind(kind: FileKind) -> &'static str {
    match kind {
        FileKind::File => "file",
        FileKind::Directory => "directory",
        FileKind::Symlink => "symlink",
        FileKind::Fifo => "fifo",
        FileKind::CharDevice => "character device",
        FileKind::BlockDevice => "block device",
        FileKind::Socket => "socket",
    }
}

fn object(diff: &ImageDiff) -> Value {
    let (mut added, mut changed, mut removed) = (Vec::new(), Vec::new(), Vec::new());
    for change in &diff.files {
        let path = change.path.to_string_lossy();
        match change.differences.first() {
            Some(Difference::Added) => {
                added.push(json!({ "path": path, "type": kind(change.kind), "size": change.size.1 }));
            }
            Some(Difference::Removed) => {
                removed.push(json!({ "path": path, "type": kind(change.kind), "size": change.size.0 }));
            }
            _ => {
                let differences: Map<String, Value> = change.differences.iter().map(entry).collect();
                changed.push(json!({ "path": path, "type": kind(change.kind), "differences": differences }));
            }
        }
    }
    let config: Vec<Value> = diff
        .config
        .iter()
        .map(|change| json!({ "field": change.field, "before": change.before, "after": change.after }))
        .collect();
    let [new, other, gone] = diff.totals();
    json!({
        "identical": diff.is_empty(),
        "added": added,
        "changed": changed,
        "removed": removed,
        "config": config,
        "summary": {
            "added": new.files, "added_bytes": new.after,
            "changed": other.files, "changed_bytes_before": other.before, "changed_bytes_after": other.after,
            "removed": gone.files, "removed_bytes": gone.before,
            "config": diff.config.len(),
        },
    })
}

fn entry(difference: &Difference) -> (String, Value) {
    let both = |before: Value, after: Value| json!({ "before": before, "after": after });
    let (name, value) = match difference {
        Difference::Added => ("added", true.into()),
        Difference::Removed => ("removed", true.into()),
        Difference::Kind(before, after) => ("type", both(kind(*before).into(), kind(*after).into())),
        Difference::Content => ("content", true.into()),
        Difference::Size(before, after) => ("size", both((*before).into(), (*after).into())),
        Difference::Mode(before, after) => {
            ("mode", both(format!("{before:04o}").into(), format!("{after:04o}").into()))
        }
        Difference::Owner(before, after) => ("owner", both(pair(*before).into(), pair(*after).into())),
        Difference::Link(before, after) => {
            ("link", both(before.to_string_lossy().into(), after.to_string_lossy().into()))
        }
        Difference::Device(before, after) => ("device", both(pair(*before).into(), pair(*after).into())),
        Difference::Attributes(names) => ("attributes", names.clone().into()),
    };
    (name.to_owned(), value)
}
