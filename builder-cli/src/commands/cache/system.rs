//! `system df`.

use builder_core::store::{CacheItem, CacheKind};
use serde_json::{Value, json};

use super::list;
use crate::args::SystemDfArgs;
use crate::commands::listing::{Field, Listing};
use crate::commands::{Session, images};
use crate::error::CommandError;
use crate::ui::format::size;

/// What a line has: docker's fields, and bytes.
const FIELDS: [Field; 7] = [
    ("Type", "TYPE"),
    ("TotalCount", "TOTAL"),
    ("Active", "ACTIVE"),
    ("Size", "SIZE"),
    ("Reclaimable", "RECLAIMABLE"),
    ("Bytes", "BYTES"),
    ("ReclaimableBytes", "RECLAIMABLE BYTES"),
];

/// What of it the usual table shows.
const SHOWN: [&str; 5] = ["Type", "TotalCount", "Active", "Size", "Reclaimable"];

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
        row("Downloads", &[CacheKind::Download]),
    ];
    let rows: Vec<Value> = rows.iter().map(row_value).collect();
    let mut text = Listing::parse(&arguments.format)?.write(&FIELDS, &SHOWN, &rows)?;
    if arguments.verbose {
        text.push_str("\nImages space usage:\n\n");
        text.push_str(&images::table(session)?);
        text.push_str("\nBuild cache usage:\n\n");
        text.push_str(&list::columns(&usage.items, false));
    }
    session.printer.data(&text)
}

/// A row as docker has it, and its bytes as numbers for programs.
fn row_value(row: &Row) -> Value {
    let percent = (row.reclaimable * 100).checked_div(row.size).map_or(String::new(), |n| format!(" ({n}%)"));
    json!({
        "Type": row.name,
        "TotalCount": row.total.to_string(),
        "Active": row.active.to_string(),
        "Size": size(row.size),
        "Reclaimable": format!("{}{percent}", size(row.reclaimable)),
        "Bytes": row.size,
        "ReclaimableBytes": row.reclaimable,
    })
}
