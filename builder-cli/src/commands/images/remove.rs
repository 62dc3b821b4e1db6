//! `rmi`, `untag`, `image prune`.

use builder_core::builder::{RemoveError, Removed};
use builder_core::image::ImageFilter;

use super::{filter, remove_error};
use crate::args::{ImagePruneArgs, RmiArgs, UntagArgs};
use crate::commands::{Session, confirm};
use crate::error::CommandError;
use crate::ui::format::size;

pub(in crate::commands) fn rmi(arguments: &RmiArgs, session: &Session) -> Result<(), CommandError> {
    // As with docker, one that cannot be removed keeps nobody from removing the others.
    let mut failed: Vec<RemoveError> = Vec::new();
    for removed in session.builder.remove_images(&arguments.images, arguments.force).map_err(remove_error)? {
        match removed {
            Ok(removed) => report(&removed, session)?,
            Err(error) if error.is_not_found() && arguments.force => session.printer.note(&format!("warning: {error}")),
            Err(error) => failed.push(error),
        }
    }
    let freed = free(session);
    let last = failed.pop();
    for error in failed {
        session.printer.note(&format!("error: {error}"));
    }
    match (last, freed) {
        (Some(error), freed) => {
            if let Err(error) = freed {
                session.printer.note(&format!("error: {error}"));
            }
            Err(remove_error(error))
        }
        (None, freed) => freed.map(|_| ()),
    }
}

pub(in crate::commands) fn untag(arguments: &UntagArgs, session: &Session) -> Result<(), CommandError> {
    for name in session.builder.untag_image(&arguments.image, &arguments.names).map_err(remove_error)? {
        session.printer.data(&format!("Untagged: {}\n", name.familiar()))?;
    }
    Ok(())
}

pub(in crate::commands) fn prune(arguments: &ImagePruneArgs, session: &Session) -> Result<(), CommandError> {
    let mut filter = filter::prune(&arguments.filters)?;
    if !arguments.all {
        filter.dangling.get_or_insert(true);
    }
    let what = match filter.dangling {
        Some(true) => "all images without a name",
        _ => "all images that fit, with their names",
    };
    if !confirm::asked(what, arguments.force, session)? {
        return Ok(());
    }
    let freed = prune_all(&filter, session)?;
    session.printer.data(&format!("Total reclaimed space: {}\n", size(freed)))
}

/// Removes the images that fit and says which; returns the bytes that are free again.
pub(in crate::commands) fn prune_all(filter: &ImageFilter, session: &Session) -> Result<u64, CommandError> {
    let removed = session.builder.prune_images(filter, &session.cancel).map_err(remove_error)?;
    removed.iter().try_for_each(|removed| report(removed, session))?;
    free(session)
}

fn report(removed: &Removed, session: &Session) -> Result<(), CommandError> {
    let mut text = String::new();
    text.extend(removed.untagged.iter().map(|name| format!("Untagged: {}\n", name.familiar())));
    text.extend(removed.deleted.map(|id| format!("Deleted: {id}\n")));
    session.printer.data(&text)
}

/// Removes the blobs that no image needs; returns their bytes.
fn free(session: &Session) -> Result<u64, CommandError> {
    let freed = session.builder.store().remove_unreferenced().map_err(CommandError::environment)?;
    if freed.is_none() {
        session.printer.note("the store is in use by another process; what is not needed stays for now");
    }
    Ok(freed.unwrap_or(0))
}
