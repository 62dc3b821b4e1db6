//! The commands about the images of the store.

mod diff;
mod filter;
mod go_fields;
mod history;
mod inspect;
mod list;
mod remove;
mod root_filesystem;

use builder_core::builder::RemoveError;
use builder_core::image::{self, ImageView};
use builder_core::platform::Platform;
use builder_core::store::ImageRecord;

pub(super) use diff::diff;
pub(super) use filter::until;
pub(super) use history::history;
pub(super) use inspect::inspect;
pub(super) use list::{images, table};
pub(super) use remove::{prune, prune_all, rmi, untag};
pub(super) use root_filesystem::{export, import};

use super::Session;
use super::build::command_error;
use crate::args::TagArgs;
use crate::error::{CommandError, ErrorKind};
use crate::settings;
use crate::ui::format::ago;

/// What a list shows for a name that an image does not have.
const NONE: &str = "<none>";
/// What a list shows for what nobody knows.
const UNKNOWN: &str = "N/A";

impl Session {
    /// Finds the one image that a name or ID means.
    pub(super) fn find(&self, text: &str) -> Result<ImageRecord, CommandError> {
        self.builder.find_image(text).map_err(remove_error)
    }

    /// Reads an image; of an index the one for this machine, where there is one.
    pub(super) fn view(&self, record: &ImageRecord) -> Result<ImageView, CommandError> {
        image::read(self.builder.store(), record, &Platform::host()).map_err(CommandError::environment)
    }

    /// Reads an image; of an index the one for the platform that was named, where one was.
    fn view_for(&self, record: &ImageRecord, platform: Option<&str>) -> Result<ImageView, CommandError> {
        let Some(platform) = settings::platform(platform)? else { return self.view(record) };
        let view = image::read(self.builder.store(), record, &platform).map_err(CommandError::environment)?;
        if platform.rank(&view.config.platform()).is_none() {
            let found = view.config.platform();
            let message = format!("the store has the image for {found}, and not for {platform}");
            return Err(CommandError::new(ErrorKind::Failed, message));
        }
        Ok(view)
    }
}

/// Turns an error about an image into that of a command.
fn remove_error(error: RemoveError) -> CommandError {
    match error {
        RemoveError::NotFound { .. } => {
            CommandError::new(ErrorKind::Failed, error).hint("`builder images` lists what there is")
        }
        RemoveError::Ambiguous { .. } | RemoveError::NotAName { .. } => CommandError::usage(error),
        RemoveError::Referenced { .. } => {
            CommandError::new(ErrorKind::Failed, error).hint("name the one that is meant, or remove all with `--force`")
        }
        error => CommandError::environment(error),
    }
}

/// How long ago something was made.
fn age(created: &str) -> String {
    match created.parse::<jiff::Timestamp>() {
        Ok(created) => ago(settings::now().0 - created.as_second()),
        Err(_) => UNKNOWN.to_owned(),
    }
}

/// When something was made, in a form of `strftime`.
fn date(created: &str, form: &str) -> String {
    match created.parse::<jiff::Timestamp>() {
        Ok(created) => created.strftime(form).to_string(),
        Err(_) => UNKNOWN.to_owned(),
    }
}

pub(super) fn tag(arguments: &TagArgs, session: &Session) -> Result<(), CommandError> {
    let names = arguments.targets.iter().map(|name| settings::name(name)).collect::<Result<Vec<_>, _>>()?;
    let record = session.find(&arguments.source)?;
    names.iter().try_for_each(|name| session.builder.tag(&record, name, &session.cancel).map_err(command_error))
}
