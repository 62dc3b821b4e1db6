//! `push`, `pull`.

use builder_core::builder::{PullPlatforms, ReadyToPush, Unpack};
use builder_core::event::EventSink;
use builder_core::image::ImageForm;
use builder_core::reference::Reference;
use builder_core::registry::{Client, Pushed, RegistryError};
use builder_core::store::ImageRecord;

use super::Session;
use super::build::command_error;
use crate::args::{ProgressArg, PullArgs, PushArgs};
use crate::error::{CommandError, ErrorKind};
use crate::settings;
use crate::ui::explain::Explain;
use crate::ui::progress::{Mode, Progress};

/// The digits of a digest that a person is shown.
const SHORT: usize = 12;

pub(super) fn push(arguments: &PushArgs, session: &Session) -> Result<(), CommandError> {
    let images = if arguments.all_tags { all_tags(&arguments.image, session)? } else { one(arguments, session)? };
    let mut told = None;
    for (record, targets) in &images {
        let mut ready = None;
        for target in targets {
            let repository = format!("{}/{}", target.domain(), target.path());
            if !arguments.shown.quiet && told.as_ref() != Some(&repository) {
                session.printer.data(&format!("The push refers to repository [{repository}]\n"))?;
                told = Some(repository);
            }
            push_one(arguments, session, record, &mut ready, target)?;
        }
    }
    Ok(())
}

/// The image that is named, and where it goes.
fn one(arguments: &PushArgs, session: &Session) -> Result<Vec<(ImageRecord, Vec<Reference>)>, CommandError> {
    let record = session.find(&arguments.image)?;
    let own = std::slice::from_ref(&arguments.image);
    let texts = if arguments.destinations.is_empty() { own } else { &arguments.destinations };
    let mut targets: Vec<Reference> = Vec::new();
    for text in texts {
        let target = settings::reference(text.strip_prefix("docker://").unwrap_or(text))?;
        if arguments.destinations.is_empty() && target.to_string() != record.name {
            return Err(CommandError::usage(format!("`{text}` is an ID, and an image is pushed to a name"))
                .hint("name the destination: `builder push ID NAME`"));
        }
        target.check_as_name().map_err(CommandError::usage)?;
        if !targets.contains(&target) {
            targets.push(target);
        }
    }
    Ok(vec![(record, targets)])
}

/// Every tag of a repository that the store has, by image: what several tags share is prepared once.
fn all_tags(text: &str, session: &Session) -> Result<Vec<(ImageRecord, Vec<Reference>)>, CommandError> {
    let repository = settings::reference(text)?;
    if names_one(text) {
        return Err(CommandError::usage("tag can't be used with --all-tags/-a")
            .hint(format!("name the repository: `{}`", repository.familiar_name())));
    }
    let mut found: Vec<(ImageRecord, Vec<Reference>)> = Vec::new();
    for record in session.builder.store().images().map_err(CommandError::environment)? {
        let Ok(name) = record.name.parse::<Reference>() else { continue };
        if (name.domain(), name.path()) != (repository.domain(), repository.path()) || name.digest().is_some() {
            continue;
        }
        match found.iter_mut().find(|(known, _)| known.manifest == record.manifest) {
            Some((_, names)) => names.push(name),
            None => found.push((record, vec![name])),
        }
    }
    if found.is_empty() {
        let name = repository.familiar_name();
        return Err(CommandError::new(
            ErrorKind::Failed,
            format!("An image does not exist locally with the tag: {name}"),
        )
        .hint("`builder images` lists what there is"));
    }
    Ok(found)
}

fn push_one(
    arguments: &PushArgs,
    session: &Session,
    record: &ImageRecord,
    ready: &mut Option<ReadyToPush>,
    target: &Reference,
) -> Result<(), CommandError> {
    let outcome = shown(arguments.shown.quiet, arguments.shown.progress, session, |events| {
        let ready = match ready {
            Some(ready) => ready,
            None => {
                ready.insert(session.builder.prepare_push(record, ImageForm::default(), events, &session.cancel)?)
            }
        };
        let summary = session.builder.push(ready, target, events, &session.cancel)?;
        Ok((summary, ready.only().cloned()))
    });
    let (summary, only) = outcome?.map_err(command_error)?;
    if arguments.shown.quiet {
        return session.printer.data(&format!("{target}\n"));
    }
    for (digest, pushed) in &summary.blobs {
        let how = match pushed {
            Pushed::Existed => "Layer already exists",
            Pushed::Mounted => "Mounted from another repository",
            Pushed::Sent => "Pushed",
        };
        session.printer.data(&format!("{}: {how}\n", &digest.hex()[..SHORT]))?;
    }
    if let Some(platform) = only {
        session.printer.note(&format!(
            "Not all multiplatform-content is present and only the available single-platform image was pushed: \
             {platform} ({}). `builder pull --all-platforms` fetches the others.",
            summary.digest
        ));
    }
    let tag = target.tag().unwrap_or_default();
    session.printer.data(&format!("{tag}: digest: {} size: {}\n", summary.digest, summary.size))
}

pub(super) fn pull(arguments: &PullArgs, session: &Session) -> Result<(), CommandError> {
    if !arguments.all_tags {
        return pull_one(arguments, &arguments.image, session);
    }
    let repository = settings::reference(&arguments.image)?;
    if names_one(&arguments.image) {
        return Err(CommandError::usage("tag can't be used with --all-tags/-a")
            .hint(format!("name the repository: `{}`", repository.familiar_name())));
    }
    let client = Client::new(&repository, session.builder.registry_options()).map_err(registry_error)?;
    for tag in client.tags(&session.cancel).map_err(registry_error)? {
        pull_one(arguments, &format!("{}:{tag}", repository.familiar_name()), session)?;
    }
    Ok(())
}

fn pull_one(arguments: &PullArgs, text: &str, session: &Session) -> Result<(), CommandError> {
    let reference = settings::reference(text)?;
    let platforms = if arguments.all_platforms {
        PullPlatforms::All
    } else {
        let platforms = settings::asked_platforms(&arguments.platforms)?;
        if platforms.is_empty() { PullPlatforms::Usual } else { PullPlatforms::Some(platforms) }
    };
    if !arguments.shown.quiet && !names_one(text) {
        session.printer.data(&format!("Using default tag: {}\n", reference.tag().unwrap_or_default()))?;
    }
    let unpack = if arguments.unpack { Unpack::Now } else { Unpack::WhenNeeded };
    let outcome = shown(arguments.shown.quiet, arguments.shown.progress, session, |events| {
        session.builder.pull(&reference, &platforms, unpack, events, &session.cancel)
    });
    let pulled = outcome?.map_err(command_error)?;
    if !arguments.shown.quiet {
        let status = if pulled.was_there { "Image is up to date for" } else { "Downloaded newer image for" };
        let shown = reference.familiar();
        session.printer.data(&format!("Digest: {}\nStatus: {status} {shown}\n", pulled.digest))?;
    }
    session.printer.data(&format!("{}\n", Reference::to_string(&reference)))
}

/// Whether a text names an image of a repository, and not the repository.
pub(super) fn names_one(text: &str) -> bool {
    text.rsplit('/').next().is_some_and(|last| last.contains([':', '@']))
}

/// Makes the error of a command of what a registry said.
pub(super) fn registry_error(error: RegistryError) -> CommandError {
    if matches!(error, RegistryError::Cancelled(_)) {
        return CommandError::new(ErrorKind::Interrupted, error);
    }
    let hint = error.hint();
    let command = CommandError::new(ErrorKind::Registry, error);
    match hint {
        Some(hint) => command.hint(hint),
        None => command,
    }
}

/// Runs something with its progress shown.
pub(super) fn shown<T>(
    quiet: bool,
    progress: Option<ProgressArg>,
    session: &Session,
    run: impl FnOnce(&dyn EventSink) -> T,
) -> Result<T, CommandError> {
    shown_as(settings::progress_of(quiet, progress), session, run)
}

/// Does the same in a way that is known already.
pub(super) fn shown_as<T>(
    mode: Mode,
    session: &Session,
    run: impl FnOnce(&dyn EventSink) -> T,
) -> Result<T, CommandError> {
    let waits = session.builder.registry_options().waits.clone();
    let progress = Progress::start(mode, session.printer.paint(), Explain::Nothing, waits);
    let progress = progress.map_err(CommandError::environment)?;
    let outcome = run(progress.sink());
    progress.finish();
    Ok(outcome)
}
