//! `cache ls`, `cache du`, `cache prune`, `system df`, `system prune`.

mod filter;
mod list;
mod prune;
mod system;

use builder_core::store::{CacheUsage, PruneOptions, Pruned};

use super::Session;
use crate::args::{CacheArgs, CacheCommand, GlobalArgs, SystemArgs, SystemCommand};
use crate::error::CommandError;
use crate::settings;
use crate::ui::printer::Printer;

/// The store that a command is about; nothing where there is none. Who only looks, or removes, makes none.
struct Place {
    session: Option<Session>,
    printer: Printer,
}

impl Place {
    fn open(global: &GlobalArgs, printer: Printer) -> Result<Self, CommandError> {
        let root = settings::store_root(global, settings::is_ordinary_user())?;
        let is_missing = || match std::fs::read_dir(&root) {
            Ok(mut entries) => entries.next().is_none(),
            Err(error) => error.kind() == std::io::ErrorKind::NotFound,
        };
        let session = if is_missing() { None } else { Some(Session::open_to_remove(global, printer)?) };
        Ok(Self { session, printer })
    }

    /// Says what takes how much of the disk.
    fn usage(&self) -> Result<CacheUsage, CommandError> {
        let Some(session) = &self.session else { return Ok(CacheUsage::default()) };
        session.builder.store().cache_usage().map_err(CommandError::environment)
    }

    /// Takes away what the options say.
    fn prune(&self, options: &PruneOptions<'_>) -> Result<Pruned, CommandError> {
        let Some(session) = &self.session else { return Ok(Pruned::default()) };
        session.builder.store().prune(options).map_err(CommandError::environment)
    }
}

pub(super) fn cache(arguments: &CacheArgs, global: &GlobalArgs, printer: Printer) -> Result<(), CommandError> {
    let place = Place::open(global, printer)?;
    match &arguments.command {
        CacheCommand::Ls(arguments) => list::ls(arguments, &place),
        CacheCommand::Du(arguments) => list::du(arguments, &place),
        CacheCommand::Prune(arguments) => prune::prune(arguments, &place),
    }
}

pub(super) fn system(arguments: &SystemArgs, global: &GlobalArgs, printer: Printer) -> Result<(), CommandError> {
    let place = Place::open(global, printer)?;
    match &arguments.command {
        SystemCommand::Df(arguments) => system::df(arguments, &place),
        SystemCommand::Prune(arguments) => prune::system(arguments, &place),
    }
}
