//! A file that takes the place of another one.

use std::fs;
use std::io;
use std::path::Path;

use rustix::fs::{CWD, RenameFlags};
use tempfile::TempPath;

/// Puts a file where another one is, or none.
///
/// Who renames over a file waits until ext4 has begun to write all of the new one to the disk (`auto_da_alloc`): for a
/// gigabyte longer than it took to make it. Exchanged they are as whole for everybody who looks; only a loss of power may
/// take what was written within the last half minute, as it may of every file that nobody syncs.
///
/// # Errors
/// Those of `rename(2)`; then the old one is where it was.
pub(crate) fn replace(mut file: TempPath, place: &Path) -> io::Result<()> {
    let exchange = |file: &Path| rustix::fs::renameat_with(CWD, file, CWD, place, RenameFlags::EXCHANGE);
    if exchange(&file).is_err() {
        // There is none, or the file system cannot do that.
        return file.persist(place).map_err(|error| error.error);
    }
    match fs::remove_file(&file) {
        Ok(()) => file.disable_cleanup(true),
        Err(error) => {
            // A directory came there meanwhile: that stays.
            exchange(&file)?;
            return Err(error);
        }
    }
    Ok(())
}
