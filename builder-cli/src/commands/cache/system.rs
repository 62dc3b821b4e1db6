//! `system df`.

use builder_core::store::{CacheItem, CacheKind};
use serde_json::json;

use super::list;
use crate::args::{ListFormat, SystemDfArgs};
use crate::commands::{Session, images};
use crate::error::CommandError;
use crate::ui::format::size;
use crate::ui::table::layout;

/// A line of the table: what, how many, how many that are needed, bytes, bytes that could go.
struct Row {
    name: &'static str,
    total: usize,
    active: usize,
    size: u64,
    reclaimable: u64,
}

pub(super) fn df(arguments: &SystemDfArgs, session: &Session) -> Result<(), CommandError> {
    let usage = session.builder.store().cache_usage().map_err(CommandError::environment)?;
    let row = |name, kinds: &[CacheKind]| {
        let items: Vec<&CacheItem> = usage.items.iter().filter(|item| kinds.contains(&item.kind)).collect();
        let sum = |fits: &dyn Fn(&CacheItem) -> bool| {
            items.iter().filter(|item| fits(item)).map(|item| item.disk_size).sum::<u64>()
        };
        Row {
            name,
            total: items.len(),
            active: items.iter().filter(|item| !item.reclaimable).count(),
            size: sum(&|_| true),
            reclaimable: sum(&|item| item.reclaimable),
        }
    };
    let rows = [
        Row {
            name: "Images",
            total: usage.images.0,
            active: usage.images.1,
            size: usage.images_size,
            reclaimable: usage.images_reclaimable,
        },
        row("Build Cache", &[CacheKind::Layer, CacheKind::GitCheckout, CacheKind::Blob]),
        row("Cache Mounts", &[CacheKind::CacheMount]),
        row("Fingerprints", &[CacheKind::Fingerprints]),
    ];
    if arguments.format == ListFormat::Json {
        let line = |row: &Row| {
            json!({
                "type": row.name, "total": row.total, "active": row.active, "size": row.size,
                "reclaimable": row.reclaimable,
            })
        };
        return session.printer.data(&rows.iter().map(|row| line(row).to_string() + "\n").collect::<String>());
    }
    let mut table = vec![["TYPE", "TOTAL", "ACTIVE", "SIZE", "RECLAIMABLE"].map(str::to_owned).to_vec()];
    for row in &rows {
        let percent = (row.reclaimable * 100).checked_div(row.size).map_or(String::new(), |n| format!(" ({n}%)"));
        table.push(vec![
            row.name.to_owned(),
            row.total.to_string(),
            row.active.to_string(),
            size(row.size),
            format!("{}{percent}", size(row.reclaimable)),
        ]);
    }
    let mut text = layout(&table);
    if arguments.verbose {
        text.push_str("\nImages space usage:\n\n");
        text.push_str(&images::table(session)?);
        text.push_str("\nBuild cache usage:\n\n");
        text.push_str(&list::columns(&usage.items, false));
    }
    session.printer.data(&text)
}
