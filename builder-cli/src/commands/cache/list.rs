//! `cache ls` and `cache du`.

use builder_core::store::{CacheItem, CacheUsage};
use serde_json::{Value, json};

use super::filter::Filters;
use crate::args::{CacheDuArgs, CacheLsArgs, ListFormat};
use crate::commands::Session;
use crate::error::CommandError;
use crate::settings;
use crate::ui::explain::{short_id, shown_build};
use crate::ui::format::{ago, size};
use crate::ui::table::layout;

/// How much of a description a table shows.
const SHOWN_DESCRIPTION: usize = 60;

/// Reads what is there, without what does not fit.
fn usage(filters: &[String], session: &Session) -> Result<(CacheUsage, bool), CommandError> {
    let filters = Filters::parse(filters, settings::now().0)?;
    let mut usage = session.builder.store().cache_usage().map_err(CommandError::environment)?;
    usage.items.retain(|item| filters.fit(item));
    Ok((usage, filters.is_empty()))
}

pub(super) fn ls(arguments: &CacheLsArgs, session: &Session) -> Result<(), CommandError> {
    let (usage, _) = usage(&arguments.filter.filters, session)?;
    if arguments.quiet {
        return session.printer.data(&usage.items.iter().map(|item| item.id.clone() + "\n").collect::<String>());
    }
    if arguments.format == ListFormat::Json {
        return session.printer.data(&lines(&usage.items));
    }
    session.printer.data(&columns(&usage.items, arguments.no_trunc))
}

/// The table of `cache ls`, where `whole` with whole descriptions.
pub(super) fn columns(items: &[CacheItem], whole: bool) -> String {
    let header = ["ID", "TYPE", "SIZE", "CREATED", "LAST USED", "USES", "NEEDED BY", "MADE BY", "DESCRIPTION"];
    let mut rows = vec![header.map(str::to_owned).to_vec()];
    for item in items {
        let description = if whole { one_line(&item.description) } else { shortened(&item.description) };
        rows.push(vec![
            shown_id(item),
            item.kind.as_str().to_owned(),
            size(item.size),
            item.created.map_or_else(|| "N/A".to_owned(), age),
            age(item.last_used),
            item.uses.to_string(),
            needed_by(item).to_owned(),
            made_by(item),
            description,
        ]);
    }
    layout(&rows)
}

pub(super) fn du(arguments: &CacheDuArgs, session: &Session) -> Result<(), CommandError> {
    let (usage, whole) = usage(&arguments.filter.filters, session)?;
    if arguments.format == ListFormat::Json {
        return session.printer.data(&lines(&usage.items));
    }
    let mut text =
        if arguments.verbose { usage.items.iter().map(verbose).collect() } else { table(usage.items.iter()) };
    // Of some things nobody can say what they take together: they may share files.
    if whole {
        let row = |name: &str, bytes: u64| vec![format!("{name}:"), size(bytes)];
        let rows = [
            row("Shared", usage.shared),
            row("Private", usage.size - usage.shared),
            row("Reclaimable", usage.reclaimable),
            row("Total", usage.size),
        ];
        text.push_str(&layout(&rows));
    }
    session.printer.data(&text)
}

/// The table of `docker buildx du`.
pub(super) fn table<'i>(items: impl Iterator<Item = &'i CacheItem>) -> String {
    let mut rows = vec![["ID", "RECLAIMABLE", "SIZE", "LAST ACCESSED"].map(str::to_owned).to_vec()];
    rows.extend(
        items.map(|item| vec![shown_id(item), item.reclaimable.to_string(), size(item.size), age(item.last_used)]),
    );
    layout(&rows)
}

/// A thing in the words of `docker buildx du --verbose`.
pub(super) fn verbose(item: &CacheItem) -> String {
    let time =
        |seconds: i64| jiff::Timestamp::from_second(seconds).map_or_else(|_| String::new(), |time| time.to_string());
    let mut rows = vec![
        ("ID", item.id.clone()),
        ("Created at", item.created.map(time).unwrap_or_default()),
        ("Mutable", item.mutable.to_string()),
        ("Reclaimable", item.reclaimable.to_string()),
        ("Shared", item.shared.to_string()),
        ("In use", item.in_use.to_string()),
        ("Size", size(item.size)),
        ("Description", one_line(&item.description)),
        ("Usage count", item.uses.to_string()),
        ("Last used", age(item.last_used)),
        ("Type", item.kind.as_str().to_owned()),
        ("Made by", item.made_by.as_ref().map_or_else(String::new, |build| shown_build(build, jiff::Timestamp::now()))),
        ("From cache", item.from_cache.clone().unwrap_or_default()),
    ];
    rows.retain(|(_, value)| !value.is_empty());
    let rows: Vec<Vec<String>> = rows.into_iter().map(|(name, value)| vec![format!("{name}:"), value]).collect();
    layout(&rows) + "\n"
}

/// An object a line.
pub(super) fn lines(items: &[CacheItem]) -> String {
    items.iter().map(|item| object(item).to_string() + "\n").collect()
}

/// A thing as JSON, with times as people and programs read them.
fn object(item: &CacheItem) -> Value {
    let time = |seconds: i64| jiff::Timestamp::from_second(seconds).ok().map(|time| time.to_string());
    json!({
        "id": item.id,
        "type": item.kind,
        "description": item.description,
        "size": item.size,
        "disk_size": item.disk_size,
        "created": item.created.and_then(time),
        "last_used": time(item.last_used),
        "uses": item.uses,
        "in_use": item.in_use,
        "shared": item.shared,
        "dangling": item.dangling,
        "mutable": item.mutable,
        "reclaimable": item.reclaimable,
        "digest": item.digest,
        "made_by": item.made_by.as_ref().map(crate::ui::explain::build),
        "from_cache": item.from_cache,
    })
}

fn age(seconds: i64) -> String {
    ago(settings::now().0 - seconds)
}

/// As with docker, a star says that it can change.
fn shown_id(item: &CacheItem) -> String {
    if item.mutable { format!("{}*", item.id) } else { item.id.clone() }
}

fn needed_by(item: &CacheItem) -> &'static str {
    match (item.in_use, item.shared, item.dangling) {
        (true, false, _) => "build",
        (true, true, _) => "build, image",
        (false, true, true) => "unnamed image",
        (false, true, false) => "image",
        (false, false, _) => "",
    }
}

/// The build, in as few words as a table has room for.
fn made_by(item: &CacheItem) -> String {
    match (&item.made_by, &item.from_cache) {
        (Some(build), _) => short_id(build).to_owned(),
        (None, Some(_)) => "a shared cache".to_owned(),
        (None, None) => String::new(),
    }
}

fn one_line(text: &str) -> String {
    text.replace(['\n', '\t', '\r'], " ")
}

fn shortened(text: &str) -> String {
    let text = one_line(text);
    match text.char_indices().nth(SHOWN_DESCRIPTION) {
        None => text,
        Some(_) => text.chars().take(SHOWN_DESCRIPTION - 1).chain(['…']).collect(),
    }
}
