//! `export`, `import`.

use std::path::Path;

use builder_core::builder::ImportSource;
use builder_core::image::rfc3339;
use builder_core::platform::Platform;
use builder_core::source::ImportRequest;

use crate::args::{ExportArgs, ImportArgs};
use crate::commands::Session;
use crate::commands::build::command_error;
use crate::commands::registry::shown;
use crate::commands::transfer::{into, open};
use crate::error::CommandError;
use crate::settings;

pub(in crate::commands) fn export(arguments: &ExportArgs, session: &Session) -> Result<(), CommandError> {
    let platform = settings::platform(arguments.platform.as_deref())?;
    let record = session.find(&arguments.image)?;
    into(arguments.output.as_deref(), session, |out| {
        session.builder.export_root(&record, platform.as_ref(), out, &session.cancel)
    })
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
    let from = match url {
        Some(url) => ImportSource::Url(url.to_owned()),
        None => ImportSource::Archive(open(Some(arguments.file.as_path()).filter(|path| *path != Path::new("-")))?),
    };
    let imported = if url.is_some() {
        shown(false, None, session, |events| session.builder.import_root(from, &request, events, &session.cancel))?
    } else {
        session.builder.import_root(from, &request, &builder_core::event::NullSink, &session.cancel)
    };
    session.printer.data(&format!("{}\n", imported.map_err(command_error)?.config))
}
