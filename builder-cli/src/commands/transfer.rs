//! `save`, `load`, `import`.

use std::fs::File;
use std::io::{IsTerminal, Read, Write};
use std::path::Path;

use builder_core::export::{ExportError, ExportImage, Format, verify_blobs, write_archive, write_file};
use builder_core::image::{self, ImageError, ImageForm, ImageSet, rfc3339};
use builder_core::platform::Platform;
use builder_core::reference::Reference;
use builder_core::source::{self, ImportRequest};
use builder_core::store::{DamagedBlob, ImageRecord, damaged_blob};

use super::Session;
use super::build::command_error;
use crate::args::{ImportArgs, LoadArgs, SaveArgs, SaveFormat};
use crate::error::CommandError;
use crate::settings;

pub(super) fn save(arguments: &SaveArgs, session: &Session) -> Result<(), CommandError> {
    let _hold = session.builder.store().hold();
    let mut images: Vec<(ImageRecord, Vec<Reference>)> = Vec::new();
    for text in &arguments.images {
        let record = session.find(text)?;
        let names = text.parse::<Reference>().ok().filter(|name| name.to_string() == record.name);
        // The archive's manifest is another one: what a digest says would not be true of it.
        let names = names.filter(|name| name.digest().is_none());
        match images.iter_mut().find(|(known, _)| known.manifest == record.manifest) {
            Some((_, known)) => known.extend(names),
            None => images.push((record, names.into_iter().collect())),
        }
    }
    let format = match arguments.format {
        SaveFormat::Docker => Format::Docker,
        SaveFormat::Oci => Format::Oci,
    };
    let snapshots = session.builder.snapshots();
    let render = || {
        let images = images.iter().map(|(record, names)| rendered(record, names.clone(), session));
        images.collect::<Result<Vec<_>, _>>()
    };
    let write =
        |images: &[ExportImage], out: &mut dyn Write| write_archive(snapshots, images, format, 0, out, &session.cancel);
    let Some(path) = &arguments.output else {
        let mut stdout = std::io::stdout();
        if stdout.is_terminal() {
            return Err(CommandError::usage("refusing to write an archive to a terminal").hint("add -o FILE"));
        }
        let prepare = || {
            let images = render()?;
            // Once the stream has begun, nothing can be mended.
            verify_blobs(snapshots, &images, &session.cancel).map_err(export_error)?;
            Ok(images)
        };
        return write(&snapshots.despite_damage(&session.cancel, prepare, damaged)?, &mut stdout).map_err(export_error);
    };
    let attempt = || {
        let images = render()?;
        write_file(path, &session.cancel, |out| write(&images, out)).map_err(export_error)
    };
    snapshots.despite_damage(&session.cancel, attempt, damaged)
}

fn damaged(error: &CommandError) -> Option<&DamagedBlob> {
    damaged_blob(&*error.source)
}

fn rendered(record: &ImageRecord, names: Vec<Reference>, session: &Session) -> Result<ExportImage, CommandError> {
    let failed = |error: ImageError| export_error(error.into());
    session.builder.complete(record, &session.cancel).map_err(command_error)?;
    let stored = image::read_all(session.builder.store(), record).map_err(failed)?;
    let shown: Vec<String> = names.iter().map(ToString::to_string).collect();
    let set = ImageSet {
        images: &stored.images,
        index: stored.index,
        index_annotations: &stored.index_annotations,
        annotations: &[],
        rewritten_to: None,
        names: &shown,
    };
    let image = image::render(session.builder.snapshots(), &set, ImageForm::archive(), &session.cancel);
    Ok(ExportImage { image: image.map_err(failed)?, names })
}

pub(super) fn load(arguments: &LoadArgs, session: &Session) -> Result<(), CommandError> {
    let _hold = session.builder.store().hold();
    let input = open(arguments.input.as_deref())?;
    let name = arguments.input.as_deref().unwrap_or(Path::new("-"));
    let loaded = source::load(input, name, session.builder.store(), &Platform::host(), &session.cancel);
    for image in loaded.map_err(source_error)? {
        if arguments.quiet {
            continue;
        }
        if image.names.is_empty() {
            session.printer.data(&format!("Loaded image ID: {}\n", image.config))?;
        }
        for name in image.names {
            let shown = name.parse::<Reference>().map_or(name, |reference| reference.familiar());
            session.printer.data(&format!("Loaded image: {shown}\n"))?;
        }
    }
    Ok(())
}

pub(super) fn import(arguments: &ImportArgs, session: &Session) -> Result<(), CommandError> {
    let _hold = session.builder.store().hold();
    let path = Some(arguments.file.as_path()).filter(|path| *path != Path::new("-"));
    let request = ImportRequest {
        name: settings::name(&arguments.name)?,
        origin: path
            .and_then(Path::file_name)
            .map_or_else(|| "-".to_owned(), |name| name.to_string_lossy().into_owned()),
        platform: Platform::host(),
        created: rfc3339(settings::now()).map_err(CommandError::environment)?,
    };
    let input = open(path)?;
    let imported = source::import(&request, input, session.builder.snapshots(), &session.cancel);
    session.printer.data(&format!("{}\n", imported.map_err(source_error)?.config))
}

fn open(path: Option<&Path>) -> Result<Box<dyn Read + Send>, CommandError> {
    match path {
        None if std::io::stdin().is_terminal() => {
            Err(CommandError::usage("standard input is a terminal, expected an archive"))
        }
        None => Ok(Box::new(std::io::stdin())),
        Some(path) => match File::open(path) {
            Ok(file) => Ok(Box::new(file)),
            Err(error) => Err(CommandError::usage(format!("cannot open `{}`: {error}", path.display()))),
        },
    }
}

fn export_error(error: ExportError) -> CommandError {
    if error.is_cancelled() {
        return CommandError::new(crate::error::ErrorKind::Interrupted, error);
    }
    CommandError::environment(error)
}

fn source_error(error: source::SourceError) -> CommandError {
    if error.is_cancelled() {
        return CommandError::new(crate::error::ErrorKind::Interrupted, error);
    }
    CommandError::usage(error)
}
