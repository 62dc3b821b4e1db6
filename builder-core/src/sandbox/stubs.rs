//! Mount points that a root filesystem lacks, kept out of its layers.
//!
//! A mount needs something to be mounted on. What the parent filesystem lacks is made in a directory of its own,
//! which becomes the topmost lower directory of the overlay: visible to mount on, never part of the upper one.
//! Directories that exist are repeated there with the same owner, mode, times and extended attributes, since
//! overlayfs shows those of the topmost directory.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};

use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags, ResolveFlags, Timestamps, XattrFlags};
use rustix::io::Errno;

use super::error::MOUNT_TARGET;
use super::mount_failure::on_other;
use super::setup_plan::check_target;
use super::{SandboxError, SandboxFile, SandboxMount, step_mounts};
use crate::fs::{PathContext, PathError};

/// How many symbolic links are followed on the way to one mount point; the kernel's own limit.
const MAX_LINKS: usize = 40;

/// The longest value or list of extended attributes; the kernel's own limit.
const MAX_XATTR_BYTES: usize = 64 * 1024;

/// What is mounted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum StubKind {
    /// A directory.
    Directory,
    /// A file.
    File,
}

/// A mount point that a sandbox needs.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Stub {
    /// Where, absolute, in the sandbox.
    pub target: String,
    /// What for.
    pub kind: StubKind,
}

/// Lists the mount points of a sandbox with these extra files.
pub fn targets(resolv_conf: bool, files: &[SandboxFile]) -> Vec<Stub> {
    let stub = |target: &str, kind| Stub { target: target.to_owned(), kind };
    let mut stubs: Vec<Stub> = ["/proc", "/sys", "/dev"].map(|target| stub(target, StubKind::Directory)).into();
    stubs.push(stub("/etc/hosts", StubKind::File));
    if resolv_conf {
        stubs.push(stub("/etc/resolv.conf", StubKind::File));
    }
    let mounted = files.iter().filter(|file| !file.target.starts_with("/dev/"));
    stubs.extend(mounted.map(|file| stub(&file.target, StubKind::File)));
    stubs
}

/// Lists the mount points that these mounts need in the root filesystem.
pub fn mount_targets(mounts: &[SandboxMount]) -> Vec<Stub> {
    step_mounts::stubs(mounts)
}

/// Makes in `dir`, which is empty, what the filesystem `view` lacks of these mount points. Returns `dir` as the
/// directory to put on top of the other lower ones, or nothing when nothing is lacking.
///
/// # Errors
/// [`SandboxError::NotADirectory`], [`SandboxError::MountOnOther`], [`SandboxError::TooManyLinks`],
/// [`SandboxError::Path`].
pub fn prepare(view: BorrowedFd<'_>, targets: &[Stub], dir: &Path) -> Result<Option<PathBuf>, SandboxError> {
    let mut repeated: BTreeSet<PathBuf> = BTreeSet::new();
    let mut made = false;
    for stub in targets {
        if !matches!(stub.target.as_str(), "/proc" | "/sys") {
            check_target("mount point", &stub.target)?;
        }
        let place = match missing(view, &stub.target)? {
            Found::Missing(place) => place,
            Found::There(kind) if kind == stub.kind => continue,
            Found::There(_) => return Err(on_other(&stub.target, stub.kind)),
        };
        made = true;
        for ancestor in place.existing.ancestors() {
            repeated.insert(ancestor.to_owned());
        }
        let existing = dir.join(&place.existing);
        // Two mount points may be each other's parent.
        let full = place.missing.iter().fold(existing.clone(), |path, part| path.join(part));
        if std::fs::symlink_metadata(&full).is_ok_and(|there| there.is_dir() != (stub.kind == StubKind::Directory)) {
            return Err(on_other(&stub.target, stub.kind));
        }
        std::fs::create_dir_all(&existing).at("create directory", &existing)?;
        create(&existing, &place.missing, stub.kind)?;
    }
    if !made {
        return Ok(None);
    }
    // The deepest first: making something in a directory changes its time.
    for directory in repeated.iter().rev() {
        repeat(view, directory, dir)?;
    }
    Ok(Some(dir.to_owned()))
}

/// The way to a mount point: what is there, and what is not.
struct Place {
    existing: PathBuf,
    missing: Vec<PathBuf>,
}

/// What a mount point is.
enum Found {
    Missing(Place),
    There(StubKind),
}

/// Walks to a mount point inside the view, through symbolic links.
fn missing(view: BorrowedFd<'_>, target: &str) -> Result<Found, SandboxError> {
    let mut existing = PathBuf::new();
    let mut pending: Vec<PathBuf> = parts(Path::new(target));
    let mut links = 0;
    while let Some(part) = pending.pop() {
        if part.as_os_str() == ".." {
            existing.pop();
            continue;
        }
        let path = existing.join(&part);
        // No link leads a mount to where the kernel tells of itself: what is masked there would be seen, or forged.
        if (path == Path::new("proc") || path == Path::new("sys")) && !matches!(target, "/proc" | "/sys") {
            return Err(SandboxError::InvalidPath { what: MOUNT_TARGET, path: target.to_owned() });
        }
        match look(view, &path)? {
            None => {
                let rest = std::iter::once(part).chain(pending.into_iter().rev());
                return Ok(Found::Missing(Place { existing, missing: clean(rest) }));
            }
            Some(FileType::Symlink) => {
                links += 1;
                if links > MAX_LINKS {
                    return Err(SandboxError::TooManyLinks { target: target.to_owned(), limit: MAX_LINKS });
                }
                let link = read_link(view, &path)?;
                if link.is_absolute() {
                    existing = PathBuf::new();
                }
                pending.extend(parts(&link));
            }
            Some(FileType::Directory) => existing = path,
            Some(_) if pending.is_empty() => return Ok(Found::There(StubKind::File)),
            Some(_) => {
                return Err(SandboxError::NotADirectory {
                    target: target.to_owned(),
                    existing: Path::new("/").join(path),
                });
            }
        }
    }
    Ok(Found::There(StubKind::Directory))
}

/// The components of a path, the first one last, as a stack.
fn parts(path: &Path) -> Vec<PathBuf> {
    let mut parts: Vec<PathBuf> = path
        .components()
        .filter(|component| matches!(component, Component::Normal(_) | Component::ParentDir))
        .map(|component| PathBuf::from(component.as_os_str()))
        .collect();
    parts.reverse();
    parts
}

/// Resolves `..` by the text, below a directory that is not there yet.
fn clean(parts: impl Iterator<Item = PathBuf>) -> Vec<PathBuf> {
    let mut clean = Vec::new();
    for part in parts {
        if part.as_os_str() == ".." {
            clean.pop();
        } else {
            clean.push(part);
        }
    }
    clean
}

fn create(existing: &Path, missing: &[PathBuf], kind: StubKind) -> Result<(), PathError> {
    let mut path = existing.to_owned();
    for (index, part) in missing.iter().enumerate() {
        path.push(part);
        let last = index + 1 == missing.len();
        let mode = if last && kind == StubKind::File {
            match rustix::fs::open(&path, OFlags::WRONLY | OFlags::CREATE | OFlags::CLOEXEC, Mode::RUSR) {
                Ok(file) => drop(file),
                Err(errno) => return Err(errno).at("create", &path),
            }
            0o644
        } else {
            match rustix::fs::mkdir(&path, Mode::RWXU) {
                Ok(()) | Err(Errno::EXIST) => {}
                Err(errno) => return Err(errno).at("create directory", &path),
            }
            0o755
        };
        rustix::fs::chmod(&path, Mode::from_raw_mode(mode)).at("change mode of", &path)?;
    }
    Ok(())
}

fn open_in(view: BorrowedFd<'_>, path: &Path, flags: OFlags) -> rustix::io::Result<OwnedFd> {
    let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
    let resolve = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS;
    rustix::fs::openat2(view, path, flags | OFlags::CLOEXEC | OFlags::NOFOLLOW, Mode::empty(), resolve)
}

fn look(view: BorrowedFd<'_>, path: &Path) -> Result<Option<FileType>, PathError> {
    match open_in(view, path, OFlags::PATH) {
        Ok(fd) => {
            let stat = rustix::fs::fstat(&fd).at("read metadata of", path)?;
            Ok(Some(FileType::from_raw_mode(stat.st_mode)))
        }
        Err(Errno::NOENT) => Ok(None),
        Err(errno) => Err(errno).at("open", path),
    }
}

fn read_link(view: BorrowedFd<'_>, path: &Path) -> Result<PathBuf, PathError> {
    let fd = open_in(view, path, OFlags::PATH).at("open", path)?;
    let link = rustix::fs::readlinkat(&fd, "", Vec::new()).at("read link", path)?;
    Ok(PathBuf::from(OsStr::from_bytes(link.as_bytes())))
}

/// Gives the directory in `dir` the metadata of the one in the view.
fn repeat(view: BorrowedFd<'_>, directory: &Path, dir: &Path) -> Result<(), PathError> {
    let from = open_in(view, directory, OFlags::RDONLY | OFlags::DIRECTORY).at("open", directory)?;
    let stat = rustix::fs::fstat(&from).at("read metadata of", directory)?;
    let path = dir.join(directory);
    let (uid, gid) = (rustix::fs::Uid::from_raw(stat.st_uid), rustix::fs::Gid::from_raw(stat.st_gid));
    rustix::fs::chownat(CWD, &path, Some(uid), Some(gid), AtFlags::SYMLINK_NOFOLLOW).at("change owner of", &path)?;
    copy_xattrs(from.as_fd(), &path)?;
    rustix::fs::chmod(&path, Mode::from_raw_mode(stat.st_mode)).at("change mode of", &path)?;
    let times = Timestamps {
        last_access: time(stat.st_atime, stat.st_atime_nsec),
        last_modification: time(stat.st_mtime, stat.st_mtime_nsec),
    };
    rustix::fs::utimensat(CWD, &path, &times, AtFlags::SYMLINK_NOFOLLOW).at("set times of", &path)
}

fn time(seconds: i64, nanoseconds: impl TryInto<i64>) -> rustix::fs::Timespec {
    rustix::fs::Timespec { tv_sec: seconds, tv_nsec: nanoseconds.try_into().unwrap_or_default() }
}

/// Copies extended attributes but for the marks of overlayfs and the label of `SELinux`, which are the system's.
fn copy_xattrs(from: BorrowedFd<'_>, to: &Path) -> Result<(), PathError> {
    let mut names = vec![0_u8; MAX_XATTR_BYTES];
    let length = match rustix::fs::flistxattr(from, &mut names[..]) {
        Ok(length) => length,
        // A file system without them.
        Err(Errno::NOTSUP) => return Ok(()),
        Err(errno) => return Err(errno).at("list extended attributes for", to),
    };
    let mut value = vec![0_u8; MAX_XATTR_BYTES];
    for name in names.get(..length).unwrap_or_default().split(|byte| *byte == 0).filter(|name| !name.is_empty()) {
        let own = [&b"trusted.overlay."[..], b"user.overlay.", b"security.selinux"];
        if own.iter().any(|prefix| name.starts_with(prefix)) {
            continue;
        }
        let length = rustix::fs::fgetxattr(from, name, &mut value[..]).at("read extended attribute for", to)?;
        let value = value.get(..length).unwrap_or_default();
        rustix::fs::setxattr(to, name, value, XattrFlags::empty()).at("set extended attribute of", to)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};

    use super::*;

    fn prepared(root: &Path, targets: &[Stub]) -> (tempfile::TempDir, Result<Option<PathBuf>, SandboxError>) {
        let dir = tempfile::tempdir().unwrap();
        let view = std::fs::File::open(root).unwrap();
        let result = prepare(view.as_fd(), targets, dir.path());
        (dir, result)
    }

    #[test]
    fn a_complete_filesystem_needs_no_stubs() {
        let root = tempfile::tempdir().unwrap();
        for name in ["proc", "sys", "dev", "etc"] {
            std::fs::create_dir(root.path().join(name)).unwrap();
        }
        std::fs::write(root.path().join("etc/hosts"), "").unwrap();
        assert_eq!(prepared(root.path(), &targets(false, &[])).1.unwrap(), None);
    }

    #[test]
    fn what_exists_is_repeated_with_its_metadata() {
        let root = tempfile::tempdir().unwrap();
        let etc = root.path().join("etc");
        std::fs::create_dir(&etc).unwrap();
        std::fs::set_permissions(&etc, PermissionsExt::from_mode(0o2751)).unwrap();
        let before = std::fs::metadata(&etc).unwrap();
        let (dir, result) = prepared(root.path(), &targets(true, &[]));
        assert_eq!(result.unwrap().as_deref(), Some(dir.path()));
        let after = std::fs::metadata(dir.path().join("etc")).unwrap();
        assert_eq!(
            (before.mode(), before.mtime(), before.mtime_nsec()),
            (after.mode(), after.mtime(), after.mtime_nsec())
        );
        for name in ["proc", "sys", "dev"] {
            assert_eq!(std::fs::metadata(dir.path().join(name)).unwrap().mode() & 0o7777, 0o755);
        }
        assert!(dir.path().join("etc/hosts").is_file() && dir.path().join("etc/resolv.conf").is_file());
    }

    #[test]
    fn a_dangling_link_gets_its_target_inside_the_root() {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(root.path().join("etc")).unwrap();
        std::fs::create_dir_all(root.path().join("run")).unwrap();
        symlink("../../../run/systemd/resolve/stub.conf", root.path().join("etc/resolv.conf")).unwrap();
        symlink("/nowhere/hosts", root.path().join("etc/hosts")).unwrap();
        let (dir, result) = prepared(root.path(), &targets(true, &[]));
        result.unwrap();
        assert!(dir.path().join("run/systemd/resolve/stub.conf").is_file());
        assert!(dir.path().join("nowhere/hosts").is_file());
        assert!(!dir.path().join("etc").exists());
    }

    #[test]
    fn links_in_a_circle_and_files_in_the_way_are_errors() {
        let root = tempfile::tempdir().unwrap();
        symlink("etc", root.path().join("etc")).unwrap();
        let hosts = [Stub { target: "/etc/hosts".into(), kind: StubKind::File }];
        assert!(matches!(prepared(root.path(), &hosts).1, Err(SandboxError::TooManyLinks { .. })));
        std::fs::remove_file(root.path().join("etc")).unwrap();
        std::fs::write(root.path().join("etc"), "").unwrap();
        assert!(matches!(prepared(root.path(), &hosts).1, Err(SandboxError::NotADirectory { .. })));
        std::fs::create_dir(root.path().join("directory")).unwrap();
        for (target, kind) in [("/etc", StubKind::Directory), ("/directory", StubKind::File)] {
            let stub = [Stub { target: target.into(), kind }];
            assert!(matches!(prepared(root.path(), &stub).1, Err(SandboxError::MountOnOther { .. })), "{target}");
        }
    }
}
