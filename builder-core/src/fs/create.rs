//! Makes one name in an open directory. Like [`super::entry`], nothing here leaves the directory it was given.

use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::os::fd::AsFd;

use rustix::fs::{AtFlags, Mode, OFlags};

use super::entry::FileKind;
use super::name::single_name;

/// Makes a file that only its owner may read and write, and opens it for writing. What is there already is not
/// touched, be it a link.
///
/// # Errors
/// What the system answers, `AlreadyExists` among it; `InvalidInput` for what is not one name.
pub fn create_file_at(directory: impl AsFd, name: &OsStr) -> io::Result<File> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    Ok(File::from(rustix::fs::openat(directory, single_name(name)?, flags, Mode::from_raw_mode(0o600))?))
}

/// Makes a directory that only its owner may use.
///
/// # Errors
/// As [`create_file_at`].
pub fn create_directory_at(directory: impl AsFd, name: &OsStr) -> io::Result<()> {
    Ok(rustix::fs::mkdirat(directory, single_name(name)?, Mode::RWXU)?)
}

/// Makes a symbolic link that says `target`, which nobody reads here.
///
/// # Errors
/// As [`create_file_at`].
pub fn create_symlink_at(target: &OsStr, directory: impl AsFd, name: &OsStr) -> io::Result<()> {
    Ok(rustix::fs::symlinkat(target, directory, single_name(name)?)?)
}

/// Gives a second name to a file, itself and not what a link points to.
///
/// # Errors
/// As [`create_file_at`].
pub fn create_link_at(from: impl AsFd, old: &OsStr, to: impl AsFd, new: &OsStr) -> io::Result<()> {
    Ok(rustix::fs::linkat(from, single_name(old)?, to, single_name(new)?, AtFlags::empty())?)
}

/// Makes a named pipe or device without permissions; those come with [`super::entry::set_attributes_at`].
///
/// # Errors
/// As [`create_file_at`]: making devices is not allowed in a user namespace.
pub fn create_special_at(
    directory: impl AsFd,
    name: &OsStr,
    kind: FileKind,
    (major, minor): (u32, u32),
) -> io::Result<()> {
    let file_type = match kind {
        FileKind::CharDevice => rustix::fs::FileType::CharacterDevice,
        FileKind::BlockDevice => rustix::fs::FileType::BlockDevice,
        _ => rustix::fs::FileType::Fifo,
    };
    let device = rustix::fs::makedev(major, minor);
    Ok(rustix::fs::mknodat(directory, single_name(name)?, file_type, Mode::empty(), device)?)
}

#[cfg(test)]
mod tests {
    use std::os::fd::OwnedFd;
    use std::path::Path;

    use super::*;
    use crate::fs::entry;

    fn refused<T>(outcome: io::Result<T>) -> bool {
        outcome.is_err_and(|error| error.kind() == io::ErrorKind::InvalidInput)
    }

    #[test]
    fn no_name_leads_out_of_the_directory() {
        let outer = tempfile::tempdir().unwrap();
        let inner = outer.path().join("inner");
        std::fs::create_dir(&inner).unwrap();
        std::fs::write(outer.path().join("kept"), "kept").unwrap();
        std::fs::write(inner.join("own"), "own").unwrap();
        let directory = OwnedFd::from(File::open(&inner).unwrap());
        let absolute = outer.path().join("kept");
        for name in [absolute.as_path(), Path::new("../kept"), Path::new("../new"), Path::new(".."), Path::new("")] {
            let name = name.as_os_str();
            assert!(refused(create_file_at(&directory, name)), "{name:?}");
            assert!(refused(create_directory_at(&directory, name)), "{name:?}");
            assert!(refused(create_symlink_at(OsStr::new("x"), &directory, name)), "{name:?}");
            assert!(refused(create_link_at(&directory, OsStr::new("own"), &directory, name)), "{name:?}");
            assert!(refused(create_link_at(&directory, name, &directory, OsStr::new("new"))), "{name:?}");
            assert!(refused(create_special_at(&directory, name, FileKind::Fifo, (0, 0))), "{name:?}");
            assert!(refused(entry::metadata_at(&directory, name)), "{name:?}");
            assert!(refused(entry::open_file_at(&directory, name)), "{name:?}");
            assert!(refused(entry::open_directory_at(&directory, name)), "{name:?}");
            assert!(refused(entry::open_reference_at(&directory, name)), "{name:?}");
            assert!(refused(entry::read_link_at(&directory, name)), "{name:?}");
            assert!(refused(entry::remove_at(&directory, name)), "{name:?}");
            assert!(refused(entry::remove_all_at(&directory, name)), "{name:?}");
            assert!(refused(entry::set_times_at(&directory, name, (1, 0), (1, 0))), "{name:?}");
            assert!(refused(entry::set_owner_at(&directory, name, (0, 0))), "{name:?}");
            assert!(refused(entry::set_mode_at(&directory, name, 0)), "{name:?}");
        }
        let names: Vec<_> = entry::names(File::open(outer.path()).unwrap()).unwrap();
        assert_eq!(names, ["inner", "kept"]);
        assert_eq!(std::fs::read_to_string(outer.path().join("kept")).unwrap(), "kept");
    }
}
