//! A file that nobody sees before it is whole.

use std::fs::{self, File, Permissions};
use std::io::{Seek, SeekFrom};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, Mode, OFlags};
use rustix::io::Errno;
use tempfile::{NamedTempFile, TempPath};

use crate::fs::{PathContext, PathError, replace};
use crate::sandbox::isolation::in_initial_user_namespace;

/// What the user's umask leaves of it.
const MODE: u32 = 0o666;
/// `/proc/sys/kernel/overflowuid` and `overflowgid`, which nobody changes.
const OVERFLOW_ID: u32 = 65534;

/// A file in the directory where it is to be. Dropped before [`HiddenFile::put_in_place`] it leaves nothing, and where
/// the file system has files without a name, not even the death of this process before that does.
pub(super) struct HiddenFile {
    file: Written,
    place: PathBuf,
}

enum Written {
    Unnamed(File),
    Named(NamedTempFile),
}

impl HiddenFile {
    /// Makes the file that is to be at `place`, where `existing` is now: then it has permissions and, where this process
    /// may say so, owner of that.
    pub(super) fn beside(place: &Path, existing: Option<fs::Metadata>) -> Result<Self, PathError> {
        let directory = directory_of(place);
        let file = match unnamed(directory) {
            Some(file) => Written::Unnamed(file),
            // This is told why there can be none.
            None => Written::Named(temporary().tempfile_in(directory).at("create in", directory)?),
        };
        let hidden = Self { file, place: place.to_owned() };
        if let Some(existing) = existing {
            // An ordinary user who may replace another's file becomes its owner.
            let _refused = std::os::unix::fs::fchown(hidden.file(), known(existing.uid()), known(existing.gid()));
            // What a set-uid program was is no reason to run its replacement so.
            let permissions = Permissions::from_mode(existing.mode() & 0o777);
            hidden.file().set_permissions(permissions).at("set the mode of", place)?;
        }
        Ok(hidden)
    }

    pub(super) fn file(&self) -> &File {
        match &self.file {
            Written::Unnamed(file) => file,
            Written::Named(file) => file.as_file(),
        }
    }

    /// Gives it its name.
    pub(super) fn put_in_place(self) -> Result<(), PathError> {
        let place = &self.place;
        let named = match self.file {
            Written::Named(file) => file.into_temp_path(),
            Written::Unnamed(mut file) => match link(&file, place) {
                Ok(()) => return Ok(()),
                Err(Errno::EXIST) => {
                    let directory = directory_of(place);
                    let linked = temporary().make_in(directory, |path| Ok(link(&file, path)?));
                    linked.at("create in", directory)?.into_temp_path()
                }
                Err(_) => copied(&mut file, place)?,
            },
        };
        replace(named, place).at("replace", place)
    }
}

/// An id that can be given to a file. In a user namespace everybody who is not in it is shown as one that may be somebody
/// else's there (`user_namespaces(7)`, "Unmapped user and group IDs").
fn known(id: u32) -> Option<u32> {
    (id != OVERFLOW_ID || in_initial_user_namespace()).then_some(id)
}

fn directory_of(place: &Path) -> &Path {
    place.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn temporary() -> tempfile::Builder<'static, 'static> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(".builder-").permissions(Permissions::from_mode(MODE));
    builder
}

/// Opens a file without a name, where that can be and it can get one later.
fn unnamed(directory: &Path) -> Option<File> {
    let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC;
    let file = File::from(rustix::fs::open(directory, flags, Mode::from_raw_mode(MODE)).ok()?);
    // Kernels before 6.0 forgot the umask where a file system has no access control lists.
    let forgot_umask = file.metadata().ok()?.mode() & 0o777 == MODE;
    (!forgot_umask && fs::metadata(name_of(&file)).is_ok()).then_some(file)
}

/// The path by which the kernel knows an open file (`open(2)`, `O_TMPFILE`).
fn name_of(file: &File) -> String {
    format!("/proc/self/fd/{}", file.as_raw_fd())
}

fn link(file: &File, path: &Path) -> Result<(), Errno> {
    rustix::fs::linkat(CWD, name_of(file), CWD, path, AtFlags::SYMLINK_FOLLOW)
}

/// Writes a file again under a name, where the file system or a policy lets it get none.
fn copied(file: &mut File, place: &Path) -> Result<TempPath, PathError> {
    let directory = directory_of(place);
    let mut named = temporary().tempfile_in(directory).at("create in", directory)?;
    let permissions = file.metadata().at("look at", place)?.permissions();
    named.as_file().set_permissions(permissions).at("set the mode of", place)?;
    file.seek(SeekFrom::Start(0)).and_then(|_| std::io::copy(file, named.as_file_mut())).at("write", place)?;
    Ok(named.into_temp_path())
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};

    use super::*;

    fn names(directory: &Path) -> Vec<String> {
        let mut names: Vec<_> =
            fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    fn written(place: &Path, text: &str) -> HiddenFile {
        let hidden = HiddenFile::beside(place, fs::metadata(place).ok()).unwrap();
        hidden.file().write_all(text.as_bytes()).unwrap();
        hidden
    }

    /// As it is on file systems that have no files without a name.
    fn named(place: &Path, text: &str) -> HiddenFile {
        let mut file = temporary().tempfile_in(directory_of(place)).unwrap();
        file.write_all(text.as_bytes()).unwrap();
        HiddenFile { file: Written::Named(file), place: place.to_owned() }
    }

    #[test]
    fn it_is_there_only_once_it_is_whole() {
        for make in [written, named] {
            let directory = tempfile::tempdir().unwrap();
            let place = directory.path().join("file");
            for text in ["new", "newer"] {
                let before = fs::read(&place).ok();
                drop(make(&place, "half"));
                assert_eq!(fs::read(&place).ok(), before);
                let hidden = make(&place, text);
                assert_eq!(fs::read(&place).ok(), before);
                hidden.put_in_place().unwrap();
                assert_eq!(fs::read_to_string(&place).unwrap(), text);
                assert_eq!(names(directory.path()), ["file"]);
            }
        }
    }

    #[test]
    fn nothing_of_it_is_seen_where_files_need_no_name() {
        // Of the memory file system that is known.
        let directory = tempfile::tempdir_in("/dev/shm").unwrap();
        let _hidden = written(&directory.path().join("file"), "half");
        assert!(names(directory.path()).is_empty());
    }

    #[test]
    fn what_came_meanwhile_is_replaced_unless_it_is_a_directory() {
        for make in [written, named] {
            let directory = tempfile::tempdir().unwrap();
            let place = directory.path().join("file");
            let hidden = make(&place, "ours");
            fs::write(&place, "theirs").unwrap();
            let mut open = File::open(&place).unwrap();
            hidden.put_in_place().unwrap();
            assert_eq!(fs::read_to_string(&place).unwrap(), "ours");
            // Who reads the old one reads it to its end.
            let mut old = String::new();
            open.read_to_string(&mut old).unwrap();
            assert_eq!(old, "theirs");
            fs::remove_file(&place).unwrap();
            let hidden = make(&place, "ours");
            fs::create_dir(&place).unwrap();
            fs::write(place.join("theirs"), "").unwrap();
            assert!(hidden.put_in_place().is_err());
            assert!(place.join("theirs").exists());
            assert_eq!(names(directory.path()), ["file"]);
        }
    }
}
