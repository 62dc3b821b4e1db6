//! `cache prune` and `system prune`.

use builder_core::image::ImageFilter;
use builder_core::store::{CacheItem, PruneLimits, PruneOptions, Pruned};
use serde_json::json;

use super::filter::Filters;
use super::list::{lines, table, verbose};
use crate::args::{CachePruneArgs, ListFormat, SystemPruneArgs};
use crate::commands::images::{prune_all, until};
use crate::commands::{Session, confirm};
use crate::error::CommandError;
use crate::settings;
use crate::ui::format::size;

pub(super) fn prune(arguments: &CachePruneArgs, session: &Session) -> Result<(), CommandError> {
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
    if !confirm::asked(what, arguments.force, session)? {
        return Ok(());
    }
    let filter = |item: &CacheItem| filters.fit(item);
    let options = PruneOptions { all: arguments.all, unnamed_images: arguments.all, limits, filter: &filter };
    let pruned = session.builder.store().prune(&options).map_err(CommandError::environment)?;
    if arguments.format == ListFormat::Json {
        let mut text: String = lines(&pruned.items);
        text.push_str(&format!("{}\n", json!({ "reclaimed": pruned.freed, "images": pruned.images })));
        return session.printer.data(&text);
    }
    report(&pruned, arguments.verbose, session)?;
    if pruned.spared > 0 && !arguments.all {
        session.printer.note(&format!(
            "`--all` would free up to {} more: images without a name, and layers as files that can be unpacked again from images",
            size(pruned.spared)
        ));
    }
    Ok(())
}

pub(super) fn system(arguments: &SystemPruneArgs, session: &Session) -> Result<(), CommandError> {
    let filters = Filters::parse(&arguments.filter.filters, settings::now().0)?;
    let what = if arguments.all {
        "all images that fit, with their names, and all of the cache"
    } else {
        "images without a name, and all of the cache that neither an image nor a running build needs"
    };
    if !confirm::asked(what, arguments.force, session)? {
        return Ok(());
    }
    let images = if arguments.all { filter_of_images(&arguments.filter.filters)? } else { None };
    let freed = images.map_or(Ok(0), |images| prune_all(&images, session))?;
    let filter = |item: &CacheItem| filters.fit(item);
    let options =
        PruneOptions { all: arguments.all, unnamed_images: true, limits: PruneLimits::default(), filter: &filter };
    let mut pruned = session.builder.store().prune(&options).map_err(CommandError::environment)?;
    pruned.freed += freed;
    report(&pruned, false, session)
}

/// What the filters say about images: when they were made. Where one is about the cache alone, no image fits.
fn filter_of_images(filters: &[String]) -> Result<Option<ImageFilter>, CommandError> {
    let mut filter = ImageFilter::default();
    for text in filters {
        let Some(time) = text.strip_prefix("until=") else { return Ok(None) };
        let time = (until(time, settings::now().0)?, 0);
        filter.before = Some(filter.before.map_or(time, |known| known.min(time)));
    }
    Ok(Some(filter))
}

fn report(pruned: &Pruned, all: bool, session: &Session) -> Result<(), CommandError> {
    let mut text = String::new();
    if all {
        text.extend(pruned.items.iter().map(verbose));
    } else if !pruned.items.is_empty() {
        text.push_str(&table(pruned.items.iter()));
    }
    text.extend(pruned.images.iter().map(|id| format!("Deleted: {id}\n")));
    text.push_str(&format!("Total reclaimed space: {}\n", size(pruned.freed)));
    session.printer.data(&text)
}

fn bytes(option: &str, given: Option<&str>) -> Result<u64, CommandError> {
    given.map_or(Ok(0), |text| settings::size(option, text))
}
