//! Mended texts: put in the place of the old ones, or shown as differences.

use std::fs::{File, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

use similar::TextDiff;

/// Puts a new text in the place of an old one: a temporary file beside it, then a rename. Mode and owner stay, and
/// so does a symbolic link to the file.
///
/// # Errors
/// The file is no longer what it was, or the folder cannot be written to.
pub(crate) fn replace(path: &Path, old: &[u8], new: &str) -> io::Result<()> {
    let path = path.canonicalize()?;
    let metadata = path.metadata()?;
    let folder = path.parent().unwrap_or(Path::new("/"));
    let mut file = tempfile::Builder::new().prefix(".builder-lint-").tempfile_in(folder)?;
    file.write_all(new.as_bytes())?;
    let mine = file.as_file().metadata()?;
    if (mine.uid(), mine.gid()) != (metadata.uid(), metadata.gid()) {
        let (owner, group) =
            (rustix::process::Uid::from_raw(metadata.uid()), rustix::process::Gid::from_raw(metadata.gid()));
        // Only root may give files away; anyone else owns what is new.
        let _ = rustix::fs::fchown(file.as_file(), Some(owner), Some(group));
    }
    file.as_file().set_permissions(Permissions::from_mode(metadata.mode() & 0o7777))?;
    file.as_file().sync_all()?;
    let mut now = Vec::with_capacity(old.len());
    io::Read::read_to_end(&mut File::open(&path)?, &mut now)?;
    if now != old {
        return Err(io::Error::other("it was changed by somebody else meanwhile; run this again"));
    }
    file.persist(&path).map_err(|error| error.error)?;
    Ok(())
}

/// Returns the difference of two texts as `diff -u` writes it.
pub(crate) fn diff(name: &str, old: &str, new: &str) -> String {
    TextDiff::from_lines(old, new).unified_diff().context_radius(3).header(name, name).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mode_and_link_stay_and_a_changed_file_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let (file, link) = (folder.path().join("Dockerfile"), folder.path().join("link"));
        std::fs::write(&file, "old").unwrap();
        std::fs::set_permissions(&file, Permissions::from_mode(0o640)).unwrap();
        std::os::unix::fs::symlink("Dockerfile", &link).unwrap();
        replace(&link, b"old", "new").unwrap();
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "new");
        assert_eq!(file.metadata().unwrap().mode() & 0o7777, 0o640);
        assert!(link.symlink_metadata().unwrap().is_symlink());
        assert!(replace(&file, b"old", "newer").unwrap_err().to_string().contains("meanwhile"));
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "new");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2);
    }
}
