//! How far an archive is while it is written or read: the bytes that went through.

use std::io::{Read, Write};
use std::sync::atomic::{AtomicU64, Ordering};

use builder_core::builder::Tasks;
use builder_core::event::EventSink;
use builder_core::fs::Counted;

use super::Session;
use super::registry::shown_as;
use crate::args::ArchiveProgressArgs;
use crate::error::CommandError;
use crate::settings;

/// Runs something with its progress shown.
pub(super) fn with_progress<T>(
    arguments: &ArchiveProgressArgs,
    session: &Session,
    run: impl FnOnce(&dyn EventSink) -> T,
) -> Result<T, CommandError> {
    shown_as(settings::progress_of_archive(arguments), session, run)
}

/// Runs a task that reads an archive. The archive has `size` bytes, where that is known; else it is known at its end.
pub(super) fn reading<T, E: std::fmt::Display>(
    tasks: &Tasks<'_>,
    (name, item): (String, &str),
    size: Option<u64>,
    archive: Box<dyn Read + Send>,
    read: impl FnOnce(Box<dyn Read + Send + '_>) -> Result<T, E>,
) -> Result<T, E> {
    tasks.run_measured(name, |progress| {
        let so_far = AtomicU64::new(0);
        let tell = |count| {
            so_far.store(count, Ordering::Relaxed);
            progress(item, count, size);
        };
        let outcome = read(Box::new(Counted::new(archive, &tell)))?;
        if size.is_none() {
            tell_end(progress, item, &so_far);
        }
        Ok(outcome)
    })
}

/// Runs a task that writes an archive, of which nobody knows how long it will be.
pub(super) fn writing<T, E: std::fmt::Display>(
    tasks: &Tasks<'_>,
    (name, item): (String, &str),
    out: &mut (dyn Write + Send),
    write: impl FnOnce(&mut (dyn Write + Send)) -> Result<T, E>,
) -> Result<T, E> {
    tasks.run_measured(name, |progress| {
        let so_far = AtomicU64::new(0);
        let tell = |count| {
            so_far.store(count, Ordering::Relaxed);
            progress(item, count, None);
        };
        let mut counted = Counted::new(out, &tell);
        let outcome = write(&mut counted)?;
        // What cannot be written any more shows where the archive is closed.
        drop(counted.flush());
        tell_end(progress, item, &so_far);
        Ok(outcome)
    })
}

fn tell_end(progress: &(dyn Fn(&str, u64, Option<u64>) + Sync), item: &str, so_far: &AtomicU64) {
    let all = so_far.load(Ordering::Relaxed);
    progress(item, all, Some(all));
}
