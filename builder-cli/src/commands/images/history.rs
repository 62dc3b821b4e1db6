//! `history`.

use builder_core::image::{HistoryRow, history_with_sizes};
use serde_json::{Value, json};

use super::{age, date};
use crate::args::HistoryArgs;
use crate::commands::Session;
use crate::commands::listing::{Field, Listing};
use crate::error::CommandError;
use crate::ui::format::size;

/// How much of an instruction is shown.
const SHOWN_INSTRUCTION: usize = 45;
/// What docker shows for steps that are no image.
const MISSING: &str = "<missing>";
/// What a row has.
const FIELDS: [Field; 8] = [
    ("ID", "IMAGE"),
    ("CreatedSince", "CREATED"),
    ("CreatedAt", "CREATED AT"),
    ("CreatedBy", "CREATED BY"),
    ("Size", "SIZE"),
    ("Comment", "COMMENT"),
    ("Bytes", "BYTES"),
    ("Layer", "LAYER"),
];

pub(in crate::commands) fn history(arguments: &HistoryArgs, session: &Session) -> Result<(), CommandError> {
    let listing = Listing::parse(&arguments.format)?;
    let record = session.find(&arguments.image)?;
    let view = session.view_for(&record, arguments.platform.as_deref())?;
    let history = history_with_sizes(session.builder.store(), &view, &session.cancel);
    let history = history.map_err(CommandError::environment)?;
    let id = if arguments.no_trunc { record.config.to_string() } else { record.config.short() };
    let ids = std::iter::once(id.as_str()).chain(std::iter::repeat(MISSING));
    let rows: Vec<Value> = history.iter().zip(ids).map(|(entry, id)| row(entry, id, arguments)).collect();
    if arguments.quiet && listing.is_usual() {
        let ids = rows.iter().filter_map(|row| row["ID"].as_str()).map(|id| format!("{id}\n"));
        return session.printer.data(&ids.collect::<String>());
    }
    let shown = ["ID", "CreatedSince", "CreatedBy", "Size", "Comment"];
    session.printer.data(&listing.write(&FIELDS, &shown, &rows)?)
}

fn row(entry: &HistoryRow, id: &str, arguments: &HistoryArgs) -> Value {
    let mut text = entry.created_by.replace('\t', " ");
    if !arguments.no_trunc {
        text = text.replace('\n', " ");
        if text.chars().count() > SHOWN_INSTRUCTION {
            text = text.chars().take(SHOWN_INSTRUCTION - 1).chain(['…']).collect();
        }
    }
    let created = date(&entry.created, "%Y-%m-%dT%H:%M:%SZ");
    json!({
        "ID": id,
        "CreatedSince": if arguments.human { age(&entry.created) } else { created.clone() },
        "CreatedAt": created,
        "CreatedBy": text,
        "Size": if arguments.human { size(entry.size) } else { entry.size.to_string() },
        "Comment": entry.comment,
        "Bytes": entry.size,
        "Layer": entry.diff_id,
    })
}
