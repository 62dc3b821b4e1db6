//! `cache ls`, `cache du`, `cache prune`, `system df`, `system prune`.

mod filter;
mod list;
mod prune;
mod system;

use super::Session;
use crate::args::{CacheArgs, CacheCommand, SystemArgs, SystemCommand};
use crate::error::CommandError;

pub(super) fn cache(arguments: &CacheArgs, session: &Session) -> Result<(), CommandError> {
    match &arguments.command {
        CacheCommand::Ls(arguments) => list::ls(arguments, session),
        CacheCommand::Du(arguments) => list::du(arguments, session),
        CacheCommand::Prune(arguments) => prune::prune(arguments, session),
    }
}

pub(super) fn system(arguments: &SystemArgs, session: &Session) -> Result<(), CommandError> {
    match &arguments.command {
        SystemCommand::Df(arguments) => system::df(arguments, session),
        SystemCommand::Prune(arguments) => prune::system(arguments, session),
    }
}
