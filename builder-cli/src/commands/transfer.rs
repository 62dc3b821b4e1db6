//! `save`, `load`, and where archives go and come from.

use std::fs::File;
use std::io::{BufWriter, IsTerminal, Read, Write};
use std::os::fd::AsFd;
use std::path::Path;

use builder_core::builder::Tasks;
use builder_core::export::{ExportError, ExportImage, Format, is_stream, verify_blobs, write_archive, write_file};
use builder_core::image::{self, ImageError, ImageForm, ImageSet};
use builder_core::platform::Platform;
use builder_core::reference::Reference;
use builder_core::source::{self, LoadRequest};
use builder_core::store::{DamagedBlob, ImageRecord, WorkDir, damaged_blob};

use super::Session;
use super::archive_progress::{reading, with_progress};
use super::build::command_error;
use crate::args::{LoadArgs, SaveArgs, SaveFormat};
use crate::error::{CommandError, ErrorKind};
use crate::settings;
use crate::ui::printer::stdout_error;

/// Bytes that standard output takes at once.
const STDOUT_BUFFER: usize = 256 * 1024;

pub(super) fn save(arguments: &SaveArgs, session: &Session) -> Result<(), CommandError> {
    let _hold = session.builder.store().hold();
    let platforms = settings::platforms(&arguments.platforms)?;
    let mut images: Vec<(ImageRecord, Vec<Reference>)> = Vec::new();
    for text in &arguments.images {
        let record = session.find(text)?;
        let names = text.parse::<Reference>().ok().filter(|name| name.to_string() == record.name);
        // The archive's manifest may be another one: what a digest says would not be true of it.
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
    // A terminal is refused before anything is compressed.
    refuse_terminal(arguments.output.as_deref())?;
    with_progress(&arguments.shown, session, |events| {
        let tasks = Tasks::new(events);
        let render = || {
            let images = images.iter().map(|(record, names)| rendered(record, names.clone(), &platforms, session));
            tasks.run("preparing layers".to_owned(), || images.collect::<Result<Vec<_>, CommandError>>())
        };
        write_images(arguments, format, &render, &tasks, session)
    })?
}

fn write_images(
    arguments: &SaveArgs,
    format: Format,
    render: &dyn Fn() -> Result<Vec<ExportImage>, CommandError>,
    tasks: &Tasks<'_>,
    session: &Session,
) -> Result<(), CommandError> {
    let snapshots = session.builder.snapshots();
    let write = |images: &[ExportImage]| {
        let written = into(arguments.output.as_deref(), session, |out| {
            tasks.run_told("saving images".to_owned(), |progress| {
                write_archive(snapshots, images, format, 0, out, progress, &session.cancel)
            })
        });
        written?.map_err(export_error)
    };
    if arguments.output.as_deref().is_some_and(|path| path != Path::new("-") && !is_stream(path)) {
        return snapshots.despite_damage(&session.cancel, || write(&render()?), damaged);
    }
    let prepare = || {
        let images = render()?;
        // Once the stream has begun, nothing can be mended.
        verify_blobs(snapshots, &images, &session.cancel).map_err(export_error)?;
        Ok(images)
    };
    write(&snapshots.despite_damage(&session.cancel, prepare, damaged)?)
}

fn damaged(error: &CommandError) -> Option<&DamagedBlob> {
    damaged_blob(&*error.source)
}

fn rendered(
    record: &ImageRecord,
    names: Vec<Reference>,
    platforms: &[Platform],
    session: &Session,
) -> Result<ExportImage, CommandError> {
    let failed = |error: ImageError| export_error(error.into());
    session.builder.complete(record, &session.cancel).map_err(command_error)?;
    let mut stored = image::read_all(session.builder.store(), record).map_err(failed)?;
    if !platforms.is_empty() {
        let shown = names.first().map_or_else(|| record.config.short(), Reference::familiar);
        stored.images = chosen(&stored.images, platforms, &shown)?;
        stored.index = stored.images.len() > 1;
    } else if let Some(image) = image::as_stored(session.builder.store(), record, &stored).map_err(failed)? {
        return Ok(ExportImage { image, names });
    }
    let shown: Vec<String> = names.iter().map(ToString::to_string).collect();
    let set = ImageSet {
        images: &stored.images,
        index: stored.index,
        index_annotations: &stored.index_annotations,
        annotations: &[],
        rewritten_to: None,
        names: &shown,
    };
    let form = ImageForm { keep_manifests: true, ..ImageForm::archive() };
    let image = image::render(session.builder.snapshots(), &set, form, &session.cancel);
    Ok(ExportImage { image: image.map_err(failed)?, names })
}

/// The images for the platforms that were asked for, the best for each.
fn chosen(
    images: &[image::ImageParts],
    platforms: &[Platform],
    name: &str,
) -> Result<Vec<image::ImageParts>, CommandError> {
    let mut chosen: Vec<image::ImageParts> = Vec::new();
    for platform in platforms {
        let fits = images.iter().rev().filter_map(|image| Some((platform.rank(&image.platform)?, image)));
        let Some((_, best)) = fits.max_by_key(|(rank, _)| *rank) else {
            let there: Vec<String> = images.iter().map(|image| image.platform.to_string()).collect();
            let message = format!("the store has no image of `{name}` for {platform}");
            return Err(CommandError::new(ErrorKind::Failed, message).hint(format!("there is {}", there.join(", "))));
        };
        if !chosen.contains(best) {
            chosen.push(best.clone());
        }
    }
    Ok(chosen)
}

pub(super) fn load(arguments: &LoadArgs, session: &Session) -> Result<(), CommandError> {
    let _hold = session.builder.store().hold();
    let platform = settings::platform(arguments.platform.as_deref())?;
    let path = arguments.input.as_deref().filter(|path| *path != Path::new("-"));
    let name = path.unwrap_or(Path::new("-"));
    let store = session.builder.store();
    let directory = path.filter(|path| path.is_dir());
    let archive = if directory.is_some() { None } else { Some(open(path)?) };
    let loaded = with_progress(&arguments.shown, session, |events| {
        let tasks = Tasks::new(events);
        let unpack = |archive: Box<dyn Read + Send>| {
            let task = (format!("loading {}", shown(path)), "archive");
            reading(&tasks, task, size(path), archive, |archive| {
                source::unpack_archive(archive, name, store, &session.cancel)
            })
        };
        let unpacked = archive.map(unpack).transpose()?;
        let directory = unpacked.as_ref().map(WorkDir::path).or(directory).unwrap_or(name);
        tasks.run_told("adding images to the store".to_owned(), |progress| {
            let (platform, cancel) = (platform.as_ref(), &session.cancel);
            source::load_directory(directory, name, &LoadRequest { store, platform, progress, cancel })
        })
    })?;
    for image in loaded.map_err(source_error)? {
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

/// Writes a file, or standard output where there is none or it is `-`; but not a terminal.
pub(super) fn into<E: From<ExportError>>(
    path: Option<&Path>,
    session: &Session,
    write: impl FnOnce(&mut (dyn Write + Send)) -> Result<(), E>,
) -> Result<Result<(), E>, CommandError> {
    refuse_terminal(path)?;
    if let Some(path) = path.filter(|path| *path != Path::new("-")) {
        return Ok(write_file(path, &session.cancel, |out| write(out)));
    }
    let stdout = std::io::stdout().as_fd().try_clone_to_owned().map_err(stdout_error)?;
    let mut out = Stdout { file: BufWriter::with_capacity(STDOUT_BUFFER, stdout.into()), failed: None };
    let written = write(&mut out);
    let flushed = out.flush();
    match out.failed.or(flushed.err()) {
        // Why it failed is what the writer says, unless somebody closed the pipe, who knows.
        Some(error) if written.is_ok() || error.kind() == std::io::ErrorKind::BrokenPipe => Err(stdout_error(error)),
        _ => Ok(written),
    }
}

/// Standard output for bytes of which nobody waits for lines.
struct Stdout {
    file: BufWriter<File>,
    /// The first failure: what wrote turns it into an error of its own.
    failed: Option<std::io::Error>,
}

impl Stdout {
    fn noted<T>(&mut self, outcome: std::io::Result<T>) -> std::io::Result<T> {
        outcome.map_err(|error| {
            let kind = error.kind();
            self.failed.get_or_insert(error);
            kind.into()
        })
    }
}

impl Write for Stdout {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let outcome = self.file.write(bytes);
        self.noted(outcome)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        let outcome = self.file.flush();
        self.noted(outcome)
    }
}

fn refuse_terminal(path: Option<&Path>) -> Result<(), CommandError> {
    if path.is_none_or(|path| path == Path::new("-")) && std::io::stdout().is_terminal() {
        return Err(CommandError::usage("refusing to write an archive to a terminal").hint("add -o FILE"));
    }
    Ok(())
}

/// What an archive is called where its progress is shown.
pub(super) fn shown(path: Option<&Path>) -> String {
    path.map_or_else(|| "standard input".to_owned(), |path| path.display().to_string())
}

/// The size of an archive in bytes, where it is a file.
pub(super) fn size(path: Option<&Path>) -> Option<u64> {
    std::fs::metadata(path?).ok().filter(std::fs::Metadata::is_file).map(|metadata| metadata.len())
}

/// Opens an archive; without a path it is standard input.
pub(super) fn open(path: Option<&Path>) -> Result<Box<dyn Read + Send>, CommandError> {
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
        return CommandError::new(ErrorKind::Interrupted, error);
    }
    CommandError::environment(error)
}

fn source_error(error: source::SourceError) -> CommandError {
    if error.is_cancelled() {
        return CommandError::new(ErrorKind::Interrupted, error);
    }
    CommandError::usage(error)
}
