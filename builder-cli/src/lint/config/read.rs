//! What both kinds of configuration file, the command line and the environment have: names of rules, levels, types.

use std::collections::BTreeMap;

use builder_core::lint::options::{LabelType, LintOptions};
use builder_core::lint::{Dialect, Level};
use clap::ValueEnum;

use super::Threshold;
use super::value::{Reader, Value};
use crate::args::LintFormat;

/// What to do about a rule that there is not.
pub(crate) const LIST_HINT: &str = "`builder lint --list-rules` lists them";
/// The types of labels.
const LABEL_TYPES: &str = "text, url, semver, hash, rfc3339, spdx, email";
/// The codes that hadolint once had: they stand in configurations, and silence nothing.
const RETIRED: [&str; 5] = ["DL3005", "DL3017", "DL3031", "DL3039", "DL4002"];

/// Returns what is wrong with the name of a rule; any code of `ShellCheck`'s may be one, or its beginning.
pub(crate) fn unknown_rule(name: &str) -> Option<String> {
    if name.is_empty() {
        return Some("the name of a rule is empty".to_owned());
    }
    let is_shellchecks =
        name.strip_prefix("SC").is_some_and(|digits| digits.len() <= 4 && digits.bytes().all(|b| b.is_ascii_digit()));
    if is_shellchecks || RETIRED.contains(&name) {
        return None;
    }
    LintOptions::new(Dialect::Builder).ignore(name).err().map(|error| error.to_string())
}

/// Reads a list of rules.
pub(super) fn rules(reader: &mut Reader, key: &str, value: &Value) -> Vec<String> {
    let names = reader.texts(key, value);
    for name in &names {
        if let Some(error) = unknown_rule(&name.value) {
            reader.unknown_rule(name.span, error, LIST_HINT);
        }
    }
    names.into_iter().map(|name| name.value).collect()
}

/// Returns what is wrong with the name of a registry: one with more than a host and a port fits no image.
pub(crate) fn wrong_registry(name: &str) -> Option<String> {
    let address = name.split_once("://").map_or(name, |(_, address)| address);
    let host = address.split('/').next().unwrap_or_default();
    let hint = if host.is_empty() { "docker.io" } else { host };
    (host != name || host.is_empty()).then(|| format!("`{name}` is no name of a registry; write `{hint}`"))
}

/// Reads a list of registries.
pub(super) fn registries(reader: &mut Reader, key: &str, value: &Value) -> Vec<String> {
    let names = reader.texts(key, value);
    for name in &names {
        if let Some(error) = wrong_registry(&name.value) {
            reader.wrong_registry(name.span, error);
        }
    }
    names.into_iter().map(|name| name.value).collect()
}

/// Reads a table of labels.
pub(super) fn label_schema(reader: &mut Reader, key: &str, value: &Value) -> BTreeMap<String, LabelType> {
    let mut schema = BTreeMap::new();
    for (label, value) in reader.table(key, value) {
        let Some(text) = reader.text(&label.value, value) else { continue };
        if let Some(kind) = LabelType::parse(&text.value) {
            schema.insert(label.value.clone(), kind);
        } else {
            let message = format!("`{}` is no type of labels", text.value);
            reader.error(text.span, message, Some(format!("there are: {LABEL_TYPES}")));
        }
    }
    schema
}

/// Reads `NAME:TYPE`.
///
/// # Errors
/// What is wrong with it.
pub(crate) fn label(text: &str) -> Result<(String, LabelType), String> {
    let (name, kind) = text.rsplit_once(':').ok_or_else(|| format!("`{text}` must be NAME:TYPE"))?;
    let parsed = LabelType::parse(kind).ok_or_else(|| format!("`{kind}` is no type; there are: {LABEL_TYPES}"))?;
    Ok((name.to_owned(), parsed))
}

/// Reads a threshold.
///
/// # Errors
/// What is wrong with it.
pub(crate) fn threshold_of(text: &str) -> Result<Threshold, String> {
    match text {
        // With hadolint these are the lowest level, below `style`: everything fails.
        "ignore" | "none" => Ok(Level::Style),
        _ => Level::parse(text)
            .ok_or_else(|| format!("`{text}` is no level; there are: error, warning, info, style, ignore, none")),
    }
}

/// Reads a threshold of a file.
pub(super) fn threshold(reader: &mut Reader, key: &str, value: &Value) -> Option<Threshold> {
    let text = reader.text(key, value)?;
    threshold_of(&text.value).map_err(|error| reader.error(text.span, error, None)).ok()
}

/// Reads a format.
///
/// # Errors
/// What is wrong with it.
pub(crate) fn format_of(text: &str) -> Result<LintFormat, String> {
    LintFormat::from_str(text, false).map_err(|_| {
        let all = LintFormat::value_variants().iter().filter_map(ValueEnum::to_possible_value);
        let names: Vec<String> = all.map(|value| value.get_name().to_owned()).collect();
        format!("`{text}` is no format; there are: {}", names.join(", "))
    })
}

/// Reads one or several formats.
pub(super) fn formats(reader: &mut Reader, key: &str, value: &Value) -> Vec<LintFormat> {
    let mut formats = Vec::new();
    for text in reader.texts(key, value) {
        match format_of(&text.value) {
            Ok(format) => formats.push(format),
            Err(error) => reader.error(text.span, error, None),
        }
    }
    formats
}
