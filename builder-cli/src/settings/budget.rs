//! What the cache may take of the disk: `--cache-budget`, and sizes of the commands about the cache.

use std::path::Path;

use builder_core::text::parse_size;

use super::variable;
use crate::args::BuildArgs;
use crate::env;
use crate::error::CommandError;

/// The usual budget in percent of the disk, and the least that it is on a large one.
const USUAL_PERCENT: u64 = 10;
const USUAL_LEAST: u64 = 20_000_000_000;
/// The most that the usual budget is, in percent of the disk.
const USUAL_MOST_PERCENT: u64 = 50;

/// Returns how many bytes of the disk of `store` the cache may take; `None` for no limit.
///
/// # Errors
/// A value that is none.
pub(crate) fn cache_budget(arguments: &BuildArgs, store: &Path) -> Result<Option<u64>, CommandError> {
    let (name, text) = match &arguments.cache_budget {
        Some(text) => ("--cache-budget", Some(text.clone())),
        None => (env::BUILDER_CACHE_BUDGET, variable(env::BUILDER_CACHE_BUDGET)),
    };
    // The size of a disk that does not say it is no reason to fail.
    let disk = rustix::fs::statvfs(store).map_or(u64::MAX, |found| found.f_blocks.saturating_mul(found.f_frsize));
    text.map_or_else(|| Ok(Some(usual(disk))), |text| budget(name, &text, disk))
}

fn usual(disk: u64) -> u64 {
    (disk / 100 * USUAL_PERCENT).max(USUAL_LEAST).min(disk / 100 * USUAL_MOST_PERCENT)
}

fn budget(name: &str, text: &str, disk: u64) -> Result<Option<u64>, CommandError> {
    if matches!(text, "none" | "unlimited") {
        return Ok(None);
    }
    let Some(percent) = text.strip_suffix('%') else { return size(name, text).map(Some) };
    match percent.trim().parse::<u64>() {
        Ok(percent @ 0..=100) => Ok(Some(disk / 100 * percent)),
        _ => Err(invalid(name, text)),
    }
}

/// Reads a size.
///
/// # Errors
/// It is none.
pub(crate) fn size(name: &str, text: &str) -> Result<u64, CommandError> {
    parse_size(text).ok_or_else(|| invalid(name, text))
}

fn invalid(name: &str, text: &str) -> CommandError {
    CommandError::usage(format!("invalid value of {name}: `{text}`")).hint(format!("write a size: {name}=20GB"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn budgets_are_sizes_or_parts_of_the_disk() {
        let read = |text| budget("--cache-budget", text, 1000).map_err(|error| error.to_string());
        assert_eq!(read("2k"), Ok(Some(2048)));
        assert_eq!(read("0"), Ok(Some(0)));
        assert_eq!(read("25%"), Ok(Some(250)));
        assert_eq!(read("none"), Ok(None));
        for bad in ["", "many", "-1", "101%", "%"] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_usual_budget_leaves_room_on_a_small_disk() {
        assert_eq!(usual(10_000_000_000), 5_000_000_000);
        assert_eq!(usual(100_000_000_000), USUAL_LEAST);
        assert_eq!(usual(1_000_000_000_000), 100_000_000_000);
    }
}
