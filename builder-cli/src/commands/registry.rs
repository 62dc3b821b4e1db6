//! `push`, `pull`.

use builder_core::builder::PullPlatforms;
use builder_core::event::EventSink;
use builder_core::image::ImageForm;
use builder_core::reference::Reference;
use builder_core::registry::Pushed;

use super::Session;
use super::build::command_error;
use crate::args::{ProgressArg, PullArgs, PushArgs};
use crate::error::CommandError;
use crate::settings;
use crate::ui::explain::Explain;
use crate::ui::progress::Progress;

/// The digits of a digest that a person is shown.
const SHORT: usize = 12;

pub(super) fn push(arguments: &PushArgs, session: &Session) -> Result<(), CommandError> {
    if arguments.all_tags {
        return Err(one_by_one("--all-tags", "push"));
    }
    let record = session.find(&arguments.image)?;
    let text = arguments.destination.as_deref().unwrap_or(&arguments.image);
    let target = settings::reference(text.strip_prefix("docker://").unwrap_or(text))?;
    if arguments.destination.is_none() && target.to_string() != record.name {
        return Err(CommandError::usage(format!("`{text}` is an ID, and an image is pushed to a name"))
            .hint("name the destination: `builder push ID NAME`"));
    }
    target.check_as_name().map_err(CommandError::usage)?;
    let repository = format!("{}/{}", target.domain(), target.path());
    if !arguments.quiet {
        session.printer.data(&format!("The push refers to repository [{repository}]\n"))?;
    }
    let outcome = shown(arguments.quiet, arguments.progress, session, |events| {
        session.builder.push(&record, &target, ImageForm::default(), events, &session.cancel)
    });
    let (summary, only) = outcome?.map_err(command_error)?;
    if arguments.quiet {
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
    if arguments.all_tags {
        return Err(one_by_one("--all-tags", "pull"));
    }
    let reference = settings::reference(&arguments.image)?;
    let platforms = if arguments.all_platforms {
        PullPlatforms::All
    } else {
        PullPlatforms::Some(settings::pull_platforms(&arguments.platforms)?)
    };
    if !arguments.quiet && arguments.image.rsplit('/').next().is_some_and(|last| !last.contains([':', '@'])) {
        session.printer.data(&format!("Using default tag: {}\n", reference.tag().unwrap_or_default()))?;
    }
    let outcome = shown(arguments.quiet, arguments.progress, session, |events| {
        session.builder.pull(&reference, &platforms, events, &session.cancel)
    });
    let pulled = outcome?.map_err(command_error)?;
    if !arguments.quiet {
        let status = if pulled.was_there { "Image is up to date for" } else { "Downloaded newer image for" };
        let shown = reference.familiar();
        session.printer.data(&format!("Digest: {}\nStatus: {status} {shown}\n", pulled.digest))?;
    }
    session.printer.data(&format!("{}\n", Reference::to_string(&reference)))
}

fn one_by_one(flag: &str, verb: &str) -> CommandError {
    CommandError::usage(format!("`{flag}` is not supported")).hint(format!("{verb} the tags one by one"))
}

/// Runs something with its progress shown.
pub(super) fn shown<T>(
    quiet: bool,
    progress: Option<ProgressArg>,
    session: &Session,
    run: impl FnOnce(&dyn EventSink) -> T,
) -> Result<T, CommandError> {
    let mode = settings::progress_of(quiet, progress);
    let progress =
        Progress::start(mode, session.printer.paint(), Explain::Nothing).map_err(CommandError::environment)?;
    let outcome = run(progress.sink());
    progress.finish();
    Ok(outcome)
}
