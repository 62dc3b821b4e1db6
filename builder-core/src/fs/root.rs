//! A directory whose inside is not trusted: the root of an image, or a build context.
//!
//! Every path is resolved as if the directory were `/`: absolute links and `..` stay inside, by the kernel
//! (`openat2` with `RESOLVE_IN_ROOT`, Linux 5.6) where a path is opened, and by a walk that holds a
//! descriptor of every component where the resolved path itself is wanted or parts of it are to be made.

use std::collections::VecDeque;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags, ResolveFlags};
use rustix::io::Errno;

use super::create::create_directory_at;
use super::entry::{self, FileKind, Metadata, Time, Xattrs};
use super::{PathContext, PathError};

/// How many links one path may go through; the kernel's own limit.
const MAX_LINKS: usize = 40;

/// What is put into a directory with this bit gets its group, and a directory the bit, too.
const SETGID: u32 = 0o2000;

/// How often a resolution is tried again when somebody renames directories meanwhile.
const MAX_TRIES: usize = 32;

/// Whether a symbolic link at the end of a path is followed. Those before the end always are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Follow {
    /// It is followed, inside the root.
    Yes,
    /// The link itself is meant.
    No,
}

/// A path without symbolic links, relative to the root, as found by [`RootDir::resolve`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Resolved {
    /// The path; empty for the root itself.
    pub path: PathBuf,
    /// What is there; `None` where something is missing, then the rest of the path was taken literally.
    pub metadata: Option<Metadata>,
    /// The symbolic links that were followed, relative to the root.
    pub links: Vec<PathBuf>,
}

/// How directories that are missing get made.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NewDirectory {
    /// Permissions, whatever the umask.
    pub mode: u32,
    /// Owner and group; those of this process without.
    pub owner: Option<(u32, u32)>,
    /// Access and change time; that of the making without.
    pub mtime: Option<Time>,
    /// What it takes over from the directory around it.
    pub inherit: Inherit,
}

/// What a new directory has from one with the setgid bit around it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Inherit {
    /// Nothing.
    #[default]
    Nothing,
    /// The bit.
    Bit,
    /// The bit and the group, whatever the owner says of that.
    BitAndGroup,
}

/// A descriptor of a directory whose inside is not trusted.
#[derive(Debug)]
pub struct RootDir {
    fd: OwnedFd,
}

impl AsFd for RootDir {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

impl RootDir {
    /// Opens a directory of the host; its own path is trusted.
    ///
    /// # Errors
    /// [`PathError`] where it cannot be opened or is no directory.
    pub fn open(path: &Path) -> Result<Self, PathError> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        Ok(Self { fd: rustix::fs::open(path, flags, Mode::empty()).at("open directory", path)? })
    }

    /// Takes a descriptor of a directory, or of a mount that is not attached anywhere.
    pub fn from_fd(fd: OwnedFd) -> Self {
        Self { fd }
    }

    /// Returns the descriptor.
    pub fn into_fd(self) -> OwnedFd {
        self.fd
    }

    /// Makes a second descriptor of the same directory.
    ///
    /// # Errors
    /// [`PathError`] where the process has no descriptors left.
    pub fn try_clone(&self) -> Result<Self, PathError> {
        Ok(Self { fd: self.fd.try_clone().at("duplicate descriptor of", "/")? })
    }

    /// Opens a path with the given flags inside the root.
    ///
    /// # Errors
    /// What the system answers.
    pub fn open_at(&self, path: &Path, flags: OFlags) -> io::Result<OwnedFd> {
        self.open_by(path, flags, ResolveFlags::IN_ROOT)
    }

    /// Opens a path in which no component may be a symbolic link, as [`RootDir::resolve`] returns it.
    ///
    /// # Errors
    /// What the system answers; `ELOOP` where there is a link after all.
    pub fn open_resolved(&self, path: &Path, flags: OFlags) -> io::Result<OwnedFd> {
        self.open_by(path, flags, ResolveFlags::IN_ROOT | ResolveFlags::NO_SYMLINKS)
    }

    fn open_by(&self, path: &Path, flags: OFlags, resolve: ResolveFlags) -> io::Result<OwnedFd> {
        let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
        let resolve = resolve | ResolveFlags::NO_MAGICLINKS;
        for _ in 1..MAX_TRIES {
            match rustix::fs::openat2(&self.fd, path, flags | OFlags::CLOEXEC, Mode::empty(), resolve) {
                Err(Errno::AGAIN | Errno::INTR) => {}
                other => return Ok(other?),
            }
        }
        Ok(rustix::fs::openat2(&self.fd, path, flags | OFlags::CLOEXEC, Mode::empty(), resolve)?)
    }

    /// Opens a regular file for reading; links are followed inside the root, and nothing blocks.
    ///
    /// # Errors
    /// [`PathError`] with the system's answer, or `InvalidInput` where it is no regular file.
    pub fn open_file(&self, path: &Path) -> Result<File, PathError> {
        // Looking first keeps drivers of device nodes from being asked; the second look is the one that counts.
        if self.metadata(path, Follow::Yes)?.kind != FileKind::File {
            return Err(entry::not_regular()).at("open", path);
        }
        let file = self.open_at(path, OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY).at("open", path)?;
        if entry::metadata_of(&file).at("read metadata of", path)?.kind != FileKind::File {
            return Err(entry::not_regular()).at("open", path);
        }
        Ok(File::from(file))
    }

    /// Reads a regular file of at most `limit` bytes; `None` where there is none.
    ///
    /// # Errors
    /// [`PathError`] with the system's answer, `InvalidInput` where it is no regular file, `FileTooLarge`
    /// where it is larger.
    pub fn read(&self, path: &Path, limit: u64) -> Result<Option<Vec<u8>>, PathError> {
        let file = match self.open_file(path) {
            Err(error) if is_missing(&error.source) => return Ok(None),
            other => other?,
        };
        let mut bytes = Vec::new();
        file.take(limit.saturating_add(1)).read_to_end(&mut bytes).at("read", path)?;
        if u64::try_from(bytes.len()).is_ok_and(|length| length <= limit) {
            return Ok(Some(bytes));
        }
        let message = format!("larger than the allowed {limit} bytes");
        Err(io::Error::new(io::ErrorKind::FileTooLarge, message)).at("read", path)
    }

    /// Looks at a path.
    ///
    /// # Errors
    /// [`PathError`] with the system's answer.
    pub fn metadata(&self, path: &Path, follow: Follow) -> Result<Metadata, PathError> {
        let nofollow = if follow == Follow::No { OFlags::NOFOLLOW } else { OFlags::empty() };
        let fd = self.open_at(path, OFlags::PATH | nofollow).at("look at", path)?;
        entry::metadata_of(fd).at("look at", path)
    }

    /// Looks at a path; `None` where it does not exist.
    ///
    /// # Errors
    /// [`PathError`] with any other answer of the system.
    pub fn find(&self, path: &Path, follow: Follow) -> Result<Option<Metadata>, PathError> {
        match self.metadata(path, follow) {
            Err(error) if is_missing(&error.source) => Ok(None),
            other => other.map(Some),
        }
    }

    /// Returns where a symbolic link points.
    ///
    /// # Errors
    /// [`PathError`] where it is no link or not there.
    pub fn read_link(&self, path: &Path) -> Result<PathBuf, PathError> {
        let fd = self.open_at(path, OFlags::PATH | OFlags::NOFOLLOW).at("read link", path)?;
        entry::read_link_of(fd).map(PathBuf::from).at("read link", path)
    }

    /// Opens a directory inside as a root of its own: nothing resolves to outside of it any more.
    ///
    /// # Errors
    /// [`PathError`] where it is no directory or not there.
    pub fn open_dir(&self, path: &Path) -> Result<Self, PathError> {
        let fd = self.open_at(path, OFlags::RDONLY | OFlags::DIRECTORY).at("open directory", path)?;
        Ok(Self { fd })
    }

    /// Returns the names in a directory inside, sorted by their bytes.
    ///
    /// # Errors
    /// [`PathError`] where it is no directory or not there.
    pub fn names(&self, path: &Path) -> Result<Vec<OsString>, PathError> {
        entry::names(self.open_dir(path)?).at("list directory", path)
    }

    /// Finds the path without symbolic links that a path stands for. Where components are missing, they are
    /// taken as written.
    ///
    /// # Errors
    /// [`PathError`] with the system's answer: `ENOTDIR` for a file before the end, `ELOOP` for a ring of links.
    pub fn resolve(&self, path: &Path, follow: Follow) -> Result<Resolved, PathError> {
        let mut walk = Walk { root: self, stack: Vec::new(), missing: Vec::new(), links: Vec::new() };
        let metadata = walk.run(path, follow, None, &mut Vec::new()).at("resolve", path)?;
        Ok(Resolved { path: walk.path(), metadata, links: walk.links })
    }

    /// Makes a directory and all that lead to it, where they are missing. Links are followed inside the
    /// root, and where one leads to nothing, what it leads to is made. Returns what was made, without links.
    ///
    /// # Errors
    /// [`PathError`] with the system's answer: `ENOTDIR` where something else is in the way.
    pub fn create_dir_all(
        &self,
        path: &Path,
        mode: u32,
        owner: Option<(u32, u32)>,
        mtime: Option<Time>,
    ) -> Result<Vec<PathBuf>, PathError> {
        Ok(self.make_dirs(path, NewDirectory { mode, owner, mtime, inherit: Inherit::Nothing })?.1)
    }

    /// Does the same as [`RootDir::create_dir_all`] and returns the directory's own path without links first.
    ///
    /// # Errors
    /// As [`RootDir::create_dir_all`].
    pub fn make_dirs(&self, path: &Path, new: NewDirectory) -> Result<(PathBuf, Vec<PathBuf>), PathError> {
        let mut walk = Walk { root: self, stack: Vec::new(), missing: Vec::new(), links: Vec::new() };
        let mut created = Vec::new();
        let found = walk.run(path, Follow::Yes, Some(new), &mut created).at("create directory", path)?;
        if found.is_none_or(|metadata| metadata.kind != FileKind::Directory) {
            return Err(io::Error::from(Errno::NOTDIR)).at("create directory", path);
        }
        if let Some(time) = new.mtime {
            // From the inside out: making a directory changes the time of the one around it.
            for made in created.iter().rev() {
                self.set_directory_times(made, time, time).at("set times of", made)?;
            }
        }
        Ok((walk.path(), created))
    }

    /// Sets the times of a directory by its path without links.
    ///
    /// # Errors
    /// What the system answers.
    pub fn set_directory_times(&self, path: &Path, atime: Time, mtime: Time) -> io::Result<()> {
        entry::set_times(self.open_resolved(path, OFlags::RDONLY | OFlags::DIRECTORY)?, atime, mtime)
    }
}

/// Tells whether an error says that a path does not exist.
pub fn is_missing(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

/// A resolution under way: descriptors of all directories from the root to where it is.
struct Walk<'a> {
    root: &'a RootDir,
    stack: Vec<(OwnedFd, OsString)>,
    missing: Vec<OsString>,
    links: Vec<PathBuf>,
}

impl Walk<'_> {
    fn path(&self) -> PathBuf {
        self.stack.iter().map(|(_, name)| name).chain(&self.missing).collect()
    }

    fn here(&self) -> BorrowedFd<'_> {
        self.stack.last().map_or(self.root.fd.as_fd(), |(fd, _)| fd.as_fd())
    }

    fn run(
        &mut self,
        path: &Path,
        follow: Follow,
        make: Option<NewDirectory>,
        created: &mut Vec<PathBuf>,
    ) -> io::Result<Option<Metadata>> {
        let mut pending: VecDeque<OsString> = components(path.as_os_str()).collect();
        let mut current = Some(entry::metadata_of(&self.root.fd)?);
        while let Some(name) = pending.pop_front() {
            if name == ".." {
                current = self.step_up()?;
                continue;
            }
            if !self.missing.is_empty() {
                self.missing.push(name);
                continue;
            }
            if current.is_some_and(|metadata| metadata.kind != FileKind::Directory) {
                return Err(Errno::NOTDIR.into());
            }
            let Some((fd, metadata)) = self.enter(&name, make, created)? else {
                self.missing.push(name);
                current = None;
                continue;
            };
            if metadata.kind != FileKind::Symlink || (follow == Follow::No && pending.is_empty()) {
                self.stack.push((fd, name));
                current = Some(metadata);
                continue;
            }
            self.links.push(self.path().join(&name));
            if self.links.len() > MAX_LINKS {
                return Err(Errno::LOOP.into());
            }
            let target = entry::read_link_of(&fd)?;
            if target.as_bytes().starts_with(b"/") {
                self.stack.clear();
            }
            current = Some(entry::metadata_of(self.here())?);
            for component in components(&target).collect::<Vec<_>>().into_iter().rev() {
                pending.push_front(component);
            }
        }
        Ok(current)
    }

    fn step_up(&mut self) -> io::Result<Option<Metadata>> {
        if self.missing.pop().is_none() {
            self.stack.pop();
        }
        if self.missing.is_empty() { Ok(Some(entry::metadata_of(self.here())?)) } else { Ok(None) }
    }

    fn enter(
        &self,
        name: &OsStr,
        make: Option<NewDirectory>,
        created: &mut Vec<PathBuf>,
    ) -> io::Result<Option<(OwnedFd, Metadata)>> {
        let opened = match (entry::open_reference_at(self.here(), name), make) {
            (Err(error), Some(new)) if error.kind() == io::ErrorKind::NotFound => {
                make_directory_at(self.here(), name, new)?;
                created.push(self.path().join(name));
                entry::open_reference_at(self.here(), name)
            }
            (Err(error), None) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            (opened, _) => opened,
        }?;
        let metadata = entry::metadata_of(&opened)?;
        Ok(Some((opened, metadata)))
    }
}

/// Makes one directory with exactly this mode and owner. Its times are left to the end.
fn make_directory_at(directory: BorrowedFd<'_>, name: &OsStr, new: NewDirectory) -> io::Result<()> {
    create_directory_at(directory, name)?;
    let made = entry::open_directory_at(directory, name)?;
    let (mut owner, mut mode) = (new.owner, new.mode);
    // The kernel has given the new directory both.
    let inherited = entry::metadata_of(&made)?;
    if new.inherit != Inherit::Nothing && inherited.mode & SETGID != 0 {
        mode |= SETGID;
        if new.inherit == Inherit::BitAndGroup {
            owner = owner.map(|(uid, _)| (uid, inherited.gid));
        }
    }
    match owner {
        Some(owner) => entry::set_attributes(&made, owner, mode, &Xattrs::default()),
        None => Ok(rustix::fs::fchmod(&made, Mode::from_raw_mode(mode))?),
    }
}

fn components(path: &OsStr) -> impl Iterator<Item = OsString> {
    path.as_bytes()
        .split(|byte| *byte == b'/')
        .filter(|part| !part.is_empty() && *part != b".")
        .map(|part| OsStr::from_bytes(part).to_owned())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    fn fixture() -> (tempfile::TempDir, RootDir) {
        let outer = tempfile::tempdir().unwrap();
        let root = outer.path().join("root");
        std::fs::create_dir_all(root.join("etc")).unwrap();
        std::fs::create_dir_all(root.join("usr/lib")).unwrap();
        std::fs::write(root.join("etc/passwd"), "inside").unwrap();
        std::fs::write(outer.path().join("secret"), "outside").unwrap();
        symlink("/etc", root.join("absolute")).unwrap();
        symlink("../../../secret", root.join("climber")).unwrap();
        symlink("usr/lib", root.join("lib")).unwrap();
        symlink("/opt/new", root.join("dangling")).unwrap();
        symlink("ring", root.join("ring")).unwrap();
        let opened = RootDir::open(&root).unwrap();
        (outer, opened)
    }

    #[test]
    fn links_and_dots_stay_inside() {
        let (_guard, root) = fixture();
        for path in ["etc/passwd", "/etc/passwd", "absolute/passwd", "../../etc/passwd", "lib/../../etc/passwd"] {
            assert_eq!(root.read(Path::new(path), 100).unwrap().as_deref(), Some(&b"inside"[..]), "{path}");
        }
        assert_eq!(root.read(Path::new("climber"), 100).unwrap(), None);
        assert_eq!(root.read(Path::new("../secret"), 100).unwrap(), None);
        assert!(root.read(Path::new("etc"), 100).is_err());
        assert_eq!(root.read(Path::new("etc/passwd"), 5).unwrap_err().source.kind(), io::ErrorKind::FileTooLarge);
        assert_eq!(root.read(Path::new("etc/passwd/x"), 5).unwrap(), None);
    }

    #[test]
    fn resolve_gives_a_path_without_links_and_what_is_missing() {
        let (_guard, root) = fixture();
        let table = [
            ("lib/x", "usr/lib/x", false),
            ("absolute/passwd", "etc/passwd", true),
            ("dangling", "opt/new", false),
            ("dangling/../y", "opt/y", false),
            ("climber", "secret", false),
            ("..", "", true),
            ("no/../etc", "etc", true),
        ];
        for (path, wanted, exists) in table {
            let resolved = root.resolve(Path::new(path), Follow::Yes).unwrap();
            assert_eq!(resolved.path, Path::new(wanted), "{path}");
            assert_eq!(resolved.metadata.is_some(), exists, "{path}");
        }
        assert_eq!(root.resolve(Path::new("lib/x"), Follow::Yes).unwrap().links, [Path::new("lib")]);
        let link = root.resolve(Path::new("lib"), Follow::No).unwrap();
        assert_eq!(link.metadata.unwrap().kind, FileKind::Symlink);
        assert!(root.resolve(Path::new("ring"), Follow::Yes).is_err());
        assert!(root.resolve(Path::new("etc/passwd/x"), Follow::Yes).is_err());
    }

    #[test]
    fn directories_are_made_through_links_inside_the_root() {
        let (guard, root) = fixture();
        let made = root.create_dir_all(Path::new("/dangling/a"), 0o751, None, Some((7, 5))).unwrap();
        assert_eq!(made, [Path::new("opt"), Path::new("opt/new"), Path::new("opt/new/a")]);
        let metadata = root.metadata(Path::new("opt/new"), Follow::No).unwrap();
        assert_eq!((metadata.mode, metadata.mtime), (0o751, (7, 5)));
        assert_eq!(root.create_dir_all(Path::new("lib"), 0o700, None, None).unwrap(), Vec::<PathBuf>::new());
        root.create_dir_all(Path::new("climber/deep"), 0o700, None, None).unwrap();
        assert!(guard.path().join("root/secret/deep").is_dir());
        assert!(root.create_dir_all(Path::new("etc/passwd/x"), 0o700, None, None).is_err());
        assert!(root.create_dir_all(Path::new("etc/passwd"), 0o700, None, None).is_err());
        let kept = std::fs::metadata(guard.path().join("secret")).unwrap();
        assert_eq!(kept.permissions().mode() & 0o170_000, 0o100_000);
    }

    #[test]
    fn removal_takes_whole_trees_but_follows_nothing() {
        let (guard, root) = fixture();
        symlink(guard.path(), guard.path().join("root/usr/out")).unwrap();
        entry::remove_all_at(&root, OsStr::new("usr")).unwrap();
        entry::remove_all_at(&root, OsStr::new("usr")).unwrap();
        assert!(root.find(Path::new("usr"), Follow::No).unwrap().is_none());
        assert!(guard.path().join("secret").exists());
    }
}
