//! `--filter` of the commands about images: keys and their meaning are docker's.

use builder_core::dockerfile::parse_duration;
use builder_core::glob::Glob;
use builder_core::image::{ImageFilter, LabelTest};

use crate::commands::Session;
use crate::error::CommandError;
use crate::settings;

/// Nanoseconds in a second.
const SECOND: i64 = 1_000_000_000;
/// What `images` knows.
const KEYS: &str = "there are reference, dangling, label, before, since and until";
/// What `image prune` knows.
const PRUNE_KEYS: &str = "there are until, label and label!";

/// Reads the filters of `images`.
pub(super) fn images(given: &[String], session: &Session) -> Result<ImageFilter, CommandError> {
    let mut filter = ImageFilter::default();
    for text in given {
        let (key, value) = split(text)?;
        match key {
            "reference" => {
                let glob = Glob::new(value);
                filter.references.push(glob.map_err(|error| invalid(text, &error.to_string()))?);
            }
            "dangling" => filter.dangling = Some(truth(text, value)?),
            "before" => narrow(&mut filter.before, created(value, session)?, std::cmp::Ordering::is_lt),
            "since" => narrow(&mut filter.since, created(value, session)?, std::cmp::Ordering::is_gt),
            _ if common(&mut filter, key, value)? => {}
            _ => return Err(CommandError::usage(format!("invalid filter `{key}`")).hint(KEYS)),
        }
    }
    Ok(filter)
}

/// Reads the filters of `image prune`.
pub(super) fn prune(given: &[String]) -> Result<ImageFilter, CommandError> {
    let mut filter = ImageFilter::default();
    for text in given {
        let (key, value) = split(text)?;
        match key {
            // What `prune` takes decides that; docker lets it be said once more.
            "dangling" => filter.dangling = Some(truth(text, value)?),
            _ if common(&mut filter, key, value)? => {}
            _ => return Err(CommandError::usage(format!("invalid filter `{key}`")).hint(PRUNE_KEYS)),
        }
    }
    Ok(filter)
}

/// Takes what all of them know; tells whether it was one of these.
fn common(filter: &mut ImageFilter, key: &str, value: &str) -> Result<bool, CommandError> {
    match key {
        "until" => narrow(&mut filter.before, (until(value, settings::now().0)?, 0), std::cmp::Ordering::is_lt),
        "label" | "label!" => {
            let (name, value) = value.split_once('=').map_or((value, None), |(name, value)| (name, Some(value)));
            let (name, value) = (name.to_owned(), value.map(str::to_owned));
            filter.labels.push(LabelTest { name, value, wanted: key == "label" });
        }
        _ => return Ok(false),
    }
    Ok(true)
}

/// Of several limits the narrowest holds.
fn narrow(limit: &mut Option<(i64, i32)>, new: (i64, i32), is_narrower: fn(std::cmp::Ordering) -> bool) {
    if limit.is_none_or(|known| is_narrower(new.cmp(&known))) {
        *limit = Some(new);
    }
}

fn split(text: &str) -> Result<(&str, &str), CommandError> {
    // `label!=KEY=VALUE`: the key has the mark.
    text.split_once('=').ok_or_else(|| invalid(text, "expected KEY=VALUE"))
}

fn truth(text: &str, value: &str) -> Result<bool, CommandError> {
    match value {
        "true" | "1" => Ok(true),
        "false" | "0" => Ok(false),
        _ => Err(invalid(text, "expected true or false")),
    }
}

/// When an image was made.
fn created(image: &str, session: &Session) -> Result<(i64, i32), CommandError> {
    let created = session.find(image)?.created;
    let time = created.parse::<jiff::Timestamp>();
    let time = time.map_err(|_| CommandError::usage(format!("nobody knows when `{image}` was made")))?;
    Ok((time.as_second(), time.subsec_nanosecond()))
}

/// A time, seconds since 1970: so long ago, or as RFC 3339, a date or seconds since 1970.
pub(in crate::commands) fn until(value: &str, now: i64) -> Result<i64, CommandError> {
    if let Ok(nanoseconds) = parse_duration(value) {
        return Ok(now - nanoseconds / SECOND);
    }
    if let Ok(seconds) = value.parse::<i64>() {
        return Ok(seconds);
    }
    if let Ok(time) = value.parse::<jiff::Timestamp>() {
        return Ok(time.as_second());
    }
    let local = value.parse::<jiff::civil::DateTime>();
    if let Some(time) = local.ok().and_then(|time| time.to_zoned(jiff::tz::TimeZone::system()).ok()) {
        return Ok(time.timestamp().as_second());
    }
    Err(invalid(
        &format!("until={value}"),
        "expected a duration such as `24h`, or a time such as `2026-01-31T12:00:00`",
    ))
}

fn invalid(text: &str, reason: &str) -> CommandError {
    CommandError::usage(format!("invalid filter `{text}`: {reason}"))
}
