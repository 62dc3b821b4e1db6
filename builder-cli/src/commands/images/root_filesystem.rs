//! `export`, `import`.

use std::path::Path;

use builder_core::builder::{ImportSource, Tasks};
use builder_core::image::rfc3339;
use builder_core::platform::Platform;
use builder_core::source::ImportRequest;

use crate::args::{ExportArgs, ImportArgs};
use crate::commands::Session;
use crate::commands::archive_progress::{reading, with_progress, writing};
use crate::commands::build::command_error;
use crate::commands::transfer::{into, open, shown, size};
use crate::error::CommandError;
use crate::settings;

pub(in crate::commands) fn export(arguments: &ExportArgs, session: &Session) -> Result<(), CommandError> {
    let platform = settings::platform(arguments.platform.as_deref())?;
    let record = session.find(&arguments.image)?;
    with_progress(&arguments.shown, session, |events| {
        let tasks = Tasks::new(events);
        into(arguments.output.as_deref(), session, |out| {
            let task = (format!("exporting {}", arguments.image), "root filesystem");
            writing(&tasks, task, out, |out| {
                session.builder.export_root(&record, platform.as_ref(), out, &session.cancel)
            })
        })
    })?
    .and_then(|outcome| outcome.map_err(command_error))
}

pub(in crate::commands) fn import(arguments: &ImportArgs, session: &Session) -> Result<(), CommandError> {
    let url = arguments.file.to_str().filter(|text| builder_core::remote::is_http(text));
    let origin = match url {
        Some(url) => builder_core::remote::without_credentials(url),
        None => arguments.file.file_name().unwrap_or(arguments.file.as_os_str()).to_string_lossy().into_owned(),
    };
    let request = ImportRequest {
        name: arguments.name.as_deref().map(settings::name).transpose()?,
        message: arguments.message.clone().unwrap_or_else(|| format!("Imported from {origin}")),
        changes: arguments.changes.clone(),
        platform: settings::platform(arguments.platform.as_deref())?.unwrap_or_else(Platform::host),
        created: rfc3339(settings::time_of_image()?).map_err(CommandError::usage)?,
    };
    let path = Some(arguments.file.as_path()).filter(|path| *path != Path::new("-"));
    let archive = if url.is_none() { Some(open(path)?) } else { None };
    let imported = with_progress(&arguments.shown, session, |events| {
        let import = |from: ImportSource<'_>| session.builder.import_root(from, &request, events, &session.cancel);
        match (archive, url) {
            (Some(archive), _) => {
                let task = (format!("importing {}", shown(path)), "archive");
                reading(&Tasks::new(events), task, size(path), archive, |archive| {
                    import(ImportSource::Archive(archive))
                })
            }
            (None, url) => import(ImportSource::Url(url.unwrap_or_default().to_owned())),
        }
    })?;
    session.printer.data(&format!("{}\n", imported.map_err(command_error)?.config))
}
