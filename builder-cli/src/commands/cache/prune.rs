//! `cache prune` and `system prune`.

use std::io::{BufRead, IsTerminal};

use builder_core::store::{CacheItem, PruneLimits, PruneOptions, Pruned};
use serde_json::json;

use super::Place;
use super::filter::Filters;
use super::list::{lines, table, verbose};
use crate::args::{CachePruneArgs, ListFormat, SystemPruneArgs};
use crate::error::CommandError;
use crate::settings;
use crate::ui::format::size;

pub(super) fn prune(arguments: &CachePruneArgs, place: &Place) -> Result<(), CommandError> {
    let filters = Filters::parse(&arguments.filter.filters, settings::now().0)?;
    let limits = PruneLimits {
        reserved: bytes("--keep-storage", arguments.keep_storage.as_deref())?,
        max_used: bytes("--max-used-space", arguments.max_used_space.as_deref())?,
        min_free: bytes("--min-free-space", arguments.min_free_space.as_deref())?,
    };
    let what = match (arguments.all, limits == PruneLimits::default() && filters.is_empty()) {
        (true, true) => "all of the cache, and images without a name",
        (true, false) => "what fits of all of the cache, and images without a name",
        (false, true) => "all of the cache that neither an image nor a running build needs",
        (false, false) => "what fits of the cache that neither an image nor a running build needs",
    };
    if !arguments.force && !confirmed(what, place)? {
        return Ok(());
    }
    let filter = |item: &CacheItem| filters.fit(item);
    let options = PruneOptions { all: arguments.all, unnamed_images: arguments.all, limits, filter: &filter };
    let pruned = place.prune(&options)?;
    if arguments.format == ListFormat::Json {
        let mut text: String = lines(&pruned.items);
        text.push_str(&format!("{}\n", json!({ "reclaimed": pruned.freed, "images": pruned.images })));
        return place.printer.data(&text);
    }
    report(&pruned, arguments.verbose, place)?;
    if pruned.spared > 0 && !arguments.all {
        place.printer.note(&format!(
            "`--all` would free up to {} more: images without a name, and layers as files that can be unpacked again from images",
            size(pruned.spared)
        ));
    }
    Ok(())
}

pub(super) fn system(arguments: &SystemPruneArgs, place: &Place) -> Result<(), CommandError> {
    let filters = Filters::parse(&arguments.filter.filters, settings::now().0)?;
    let what = "images without a name, and all of the cache that neither an image nor a running build needs";
    if !arguments.force && !confirmed(what, place)? {
        return Ok(());
    }
    let filter = |item: &CacheItem| filters.fit(item);
    let options = PruneOptions { all: false, unnamed_images: true, limits: PruneLimits::default(), filter: &filter };
    let pruned = place.prune(&options)?;
    report(&pruned, false, place)
}

fn report(pruned: &Pruned, all: bool, place: &Place) -> Result<(), CommandError> {
    let mut text = String::new();
    if all {
        text.extend(pruned.items.iter().map(verbose));
    } else if !pruned.items.is_empty() {
        text.push_str(&table(pruned.items.iter()));
    }
    text.extend(pruned.images.iter().map(|id| format!("Deleted: {id}\n")));
    text.push_str(&format!("Total reclaimed space: {}\n", size(pruned.freed)));
    place.printer.data(&text)
}

/// Asks on a terminal, as docker does. What is removed can be built again: programs need not say `--force`.
fn confirmed(what: &str, place: &Place) -> Result<bool, CommandError> {
    let stdin = std::io::stdin();
    if !stdin.is_terminal() {
        return Ok(true);
    }
    place.printer.note(&format!("WARNING! This will remove {what}.\nAre you sure you want to continue? [y/N]"));
    let mut answer = String::new();
    stdin.lock().read_line(&mut answer).map_err(CommandError::environment)?;
    Ok(matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes"))
}

fn bytes(option: &str, given: Option<&str>) -> Result<u64, CommandError> {
    given.map_or(Ok(0), |text| settings::size(option, text))
}
