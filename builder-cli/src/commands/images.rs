//! `images`, `history`, `inspect`, `tag`, `rmi`.

use builder_core::image::{self, HistoryRow, ImageView};
use builder_core::platform::Platform;
use builder_core::reference::Reference;
use builder_core::store::ImageRecord;
use serde_json::{Value, json};

use super::Session;
use super::build::command_error;
use crate::args::{HistoryArgs, ImagesArgs, InspectArgs, ListFormat, RmiArgs, TagArgs};
use crate::error::{CommandError, ErrorKind};
use crate::settings;
use crate::ui::format::{ago, size};
use crate::ui::table::layout;

/// How much of an instruction a table shows.
const SHOWN_INSTRUCTION: usize = 45;
/// What a table shows for a name that an image does not have.
const NONE: &str = "<none>";

impl Session {
    /// Finds the one image that a name or ID means.
    pub(super) fn find(&self, text: &str) -> Result<ImageRecord, CommandError> {
        let found = self.builder.store().find_images(text).map_err(CommandError::environment)?;
        let mut configs: Vec<_> = found.iter().map(|image| image.config).collect();
        configs.sort_unstable();
        configs.dedup();
        match (configs.len(), found.into_iter().next()) {
            (1, Some(image)) => Ok(image),
            (0, _) | (_, None) => Err(CommandError::new(ErrorKind::Failed, format!("no such image: `{text}`"))
                .hint("`builder images` lists what there is")),
            (count, _) => Err(CommandError::usage(format!("`{text}` fits {count} images; give more digits"))),
        }
    }

    /// Reads an image; of an index the one for this machine, where there is one.
    pub(super) fn view(&self, record: &ImageRecord) -> Result<ImageView, CommandError> {
        image::read(self.builder.store(), record, &Platform::host()).map_err(CommandError::environment)
    }
}

fn age(created: &str) -> String {
    match created.parse::<jiff::Timestamp>() {
        Ok(created) => ago(settings::now().0 - created.as_second()),
        Err(_) => "N/A".to_owned(),
    }
}

pub(super) fn images(arguments: &ImagesArgs, session: &Session) -> Result<(), CommandError> {
    let records = session.builder.store().all_images().map_err(CommandError::environment)?;
    let id = |record: &ImageRecord| {
        if arguments.no_trunc { record.config.to_string() } else { record.config.short() }
    };
    if arguments.quiet {
        let ids: Vec<String> = records.iter().map(|record| id(record) + "\n").collect();
        return session.printer.data(&ids.concat());
    }
    let mut rows = vec![["REPOSITORY", "TAG", "IMAGE ID", "CREATED", "SIZE"].map(str::to_owned).to_vec()];
    let mut lines = String::new();
    for record in &records {
        let reference: Option<Reference> = record.name.parse().ok();
        let repository = reference.as_ref().map_or_else(|| NONE.to_owned(), Reference::familiar_name);
        let tag = reference.as_ref().and_then(Reference::tag).unwrap_or(NONE).to_owned();
        let bytes = session.view(record)?.size();
        let object = json!({
            "repository": repository, "tag": tag, "id": record.config, "digest": record.manifest,
            "created": record.created, "size": bytes,
        });
        lines.push_str(&format!("{object}\n"));
        rows.push(vec![repository, tag, id(record), age(&record.created), size(bytes)]);
    }
    session.printer.data(&if arguments.format == ListFormat::Json { lines } else { layout(&rows) })
}

pub(super) fn history(arguments: &HistoryArgs, session: &Session) -> Result<(), CommandError> {
    let rows = image::history(&session.view(&session.find(&arguments.image)?)?);
    if arguments.quiet {
        let ids = rows.iter().filter_map(|row| row.diff_id).map(|id| format!("{id}\n"));
        return session.printer.data(&ids.collect::<String>());
    }
    if arguments.format == ListFormat::Json {
        let line = |row: &HistoryRow| serde_json::to_string(row).map(|text| text + "\n");
        let lines: Result<String, _> = rows.iter().map(line).collect();
        return session.printer.data(&lines.map_err(CommandError::environment)?);
    }
    let mut table = vec![["CREATED", "CREATED BY", "SIZE", "COMMENT"].map(str::to_owned).to_vec()];
    for row in rows {
        let mut text = row.created_by.replace('\n', " ");
        if !arguments.no_trunc && text.chars().count() > SHOWN_INSTRUCTION {
            text = text.chars().take(SHOWN_INSTRUCTION - 1).chain(['…']).collect();
        }
        table.push(vec![age(&row.created), text, size(row.size), row.comment]);
    }
    session.printer.data(&layout(&table))
}

pub(super) fn inspect(arguments: &InspectArgs, session: &Session) -> Result<(), CommandError> {
    let all = session.builder.store().images().map_err(CommandError::environment)?;
    let mut described = Vec::new();
    for text in &arguments.images {
        let record = session.find(text)?;
        let names: Vec<String> =
            all.iter().filter(|other| other.manifest == record.manifest).map(|other| other.name.clone()).collect();
        described.push(image::inspect(&session.view(&record)?, &names));
    }
    session.printer.data(&format!("{:#}\n", Value::Array(described)))
}

pub(super) fn tag(arguments: &TagArgs, session: &Session) -> Result<(), CommandError> {
    let name = settings::name(&arguments.target)?;
    let record = session.find(&arguments.source)?;
    session.builder.tag(&record, &name, &session.cancel).map_err(command_error)
}

pub(super) fn rmi(arguments: &RmiArgs, session: &Session) -> Result<(), CommandError> {
    let store = session.builder.store();
    for text in &arguments.images {
        let record = session.find(text)?;
        let reference = settings::reference(text).ok().filter(|reference| reference.to_string() == record.name);
        let all = || {
            let images = store.all_images().map_err(CommandError::environment)?;
            Ok::<_, CommandError>(images.into_iter().filter(|other| other.config == record.config))
        };
        let taken: Vec<ImageRecord> = match reference {
            Some(_) => vec![record.clone()],
            // An ID means every name of the image, and the image itself.
            None => all()?.collect(),
        };
        for image in taken {
            if image.name.is_empty() {
                store.forget(&image.manifest).map_err(CommandError::environment)?;
                continue;
            }
            let reference = settings::reference(&image.name)?;
            store.untag(&reference).map_err(CommandError::environment)?;
            session.printer.data(&format!("Untagged: {}\n", reference.familiar()))?;
        }
        if all()?.next().is_none() {
            session.printer.data(&format!("Deleted: {}\n", record.config))?;
        }
    }
    if store.remove_unreferenced().map_err(CommandError::environment)?.is_none() {
        session.printer.note("the store is in use by another process; what is not needed stays for now");
    }
    Ok(())
}
