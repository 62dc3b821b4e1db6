//! Some space on the disk that is set aside, so that a store on a full one can still be opened to remove things:
//! the database needs a little to begin.

use std::fs;
use std::path::Path;

use super::StoreError;
use super::layout::write_atomically;
use crate::fs::PathContext;

const RESERVE: &str = "reserve";
/// Enough for the database's shared memory and a transaction that removes records.
const RESERVE_BYTES: usize = 512 * 1024;

/// Sets the space aside where it is not; without space for it there is none.
pub(super) fn set_aside(root: &Path) {
    let path = root.join(RESERVE);
    if !path.exists() {
        let _ = write_atomically(root, &path, &vec![0; RESERVE_BYTES]);
    }
}

/// Gives the space that a store on a full disk has set aside; tells whether there was some. Whoever opens the store
/// next sets it aside again.
///
/// # Errors
/// [`StoreError::Path`].
pub fn release_reserve(root: &Path) -> Result<bool, StoreError> {
    let path = root.join(RESERVE);
    match fs::remove_file(&path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(false),
        other => Ok(other.map(|()| true).at("remove", &path)?),
    }
}
