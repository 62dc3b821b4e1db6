//! Detached mounts: made with the new mount API, held by a descriptor, never in the host's mount table.
//!
//! A detached mount goes away with its last descriptor, so a killed process leaves nothing behind. It can be
//! read and written through the descriptor (`openat2`), and moved into a mount namespace with `move_mount`.

use std::ffi::CString;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use rustix::fs::{CWD, Mode, OFlags};
use rustix::mount::{
    FsMountFlags, FsOpenFlags, MountAttrFlags, OpenTreeFlags, fsconfig_create, fsconfig_set_flag, fsconfig_set_string,
    fsmount, fsopen, open_tree,
};

use super::SysError;
use super::setup_op::CloneAttributes;

/// The most lower directories that overlayfs takes (`OVL_MAX_STACK` in the kernel's source).
pub const MAX_LOWER_DIRECTORIES: usize = 500;

/// `fsconfig` takes strings of at most 255 bytes and a zero (`strndup_user(value, 256)`).
const MAX_OPTION_BYTES: usize = 255;

/// The longest message taken from the log of a mount.
const MAX_LOG_BYTES: usize = 4096;

/// Makes a detached overlay mount of the directories `lowers`, the topmost first, and, where it is to be
/// writable, an upper and a work directory of one file system. Without them it is read-only.
///
/// What is written to a writable one is not synced when it is unmounted, nor by a program in it (`volatile`, since Linux
/// 5.10): who wants to keep it syncs it, and takes a new work directory for each mount.
///
/// `userxattr` is for user namespaces: overlayfs then keeps its marks in `user.overlay.*` and not in
/// `trusted.overlay.*`. Renames of lower directories give `EXDEV` (programs then copy), so that no layer ever
/// depends on another one by a redirect.
///
/// See `mount(8)`, kernel documentation `filesystems/overlayfs`. `lowerdir+` is since Linux 6.7; before it all
/// lower directories stand in one option, whose length limits their number to some seventy.
///
/// # Errors
/// [`SysError::LayerCount`], [`SysError::Unsupported`] on an old kernel, [`SysError::Path`] when a directory
/// cannot be opened, [`SysError::Filesystem`] with what the kernel says.
pub fn overlay(lowers: &[&Path], upper_and_work: Option<(&Path, &Path)>, userxattr: bool) -> Result<OwnedFd, SysError> {
    if lowers.is_empty() || lowers.len() > MAX_LOWER_DIRECTORIES {
        return Err(SysError::LayerCount { count: lowers.len(), max: MAX_LOWER_DIRECTORIES });
    }
    if let ([single], None) = (lowers, upper_and_work) {
        // Overlayfs wants two directories at least; a read-only clone of one shows the same.
        let clone = clone_tree(single, Depth::Single)?;
        make_read_only(clone.as_fd(), Depth::Single)?;
        return Ok(clone);
    }
    match overlay_of_single_options(lowers, upper_and_work, userxattr) {
        // An option that the kernel does not know is invalid to it: at once, or (before 6.5) at the end.
        Err(error) if error.errno() == Some(libc::EINVAL) => {
            overlay_of_one_option(lowers, upper_and_work, userxattr).map_err(|older| match older {
                // What this kernel says about the form that it knows is of no interest on a new kernel.
                SysError::Filesystem { .. } => error,
                other => other,
            })
        }
        other => other,
    }
}

fn overlay_context(userxattr: bool) -> Result<Context, SysError> {
    let context = Context::open("overlay")?;
    context.string("source", b"builder")?;
    // A layer must be complete in itself: no redirects, no copies of metadata alone, no index of inodes.
    context.string("redirect_dir", b"nofollow")?;
    context.string("metacopy", b"off")?;
    context.string("index", b"off")?;
    if userxattr {
        context.flag("userxattr")?;
    }
    Ok(context)
}

fn overlay_attributes(writable: bool) -> MountAttrFlags {
    if writable { MountAttrFlags::empty() } else { MountAttrFlags::MOUNT_ATTR_RDONLY }
}

/// One `lowerdir+` for each directory.
fn overlay_of_single_options(
    lowers: &[&Path],
    upper_and_work: Option<(&Path, &Path)>,
    userxattr: bool,
) -> Result<OwnedFd, SysError> {
    let context = overlay_context(userxattr)?;
    for lower in lowers {
        context.directory("lowerdir+", lower)?;
    }
    if let Some((upper, work)) = upper_and_work {
        context.flag("volatile")?;
        context.directory("upperdir", upper)?;
        context.directory("workdir", work)?;
    }
    context.mount(overlay_attributes(upper_and_work.is_some()))
}

/// All lower directories in one option of at most 255 bytes, for kernels before 6.7. Their names are numbers of
/// descriptors: paths relative to `/proc/self/fd`, which a thread of its own makes its working directory.
fn overlay_of_one_option(
    lowers: &[&Path],
    upper_and_work: Option<(&Path, &Path)>,
    userxattr: bool,
) -> Result<OwnedFd, SysError> {
    let mut descriptors = Vec::with_capacity(lowers.len());
    for lower in lowers {
        descriptors.push(open_path(lower)?);
    }
    let names: Vec<String> = descriptors.iter().map(|descriptor| descriptor.as_raw_fd().to_string()).collect();
    let names = names.join(":");
    if names.len() > MAX_OPTION_BYTES {
        return Err(SysError::Unsupported { feature: "an overlay of so many layers (`lowerdir+`)", since: "6.7" });
    }
    let upper = upper_and_work.map(|(upper, work)| Ok((open_path(upper)?, open_path(work)?))).transpose()?;
    let mount = || {
        super::namespace::own_working_directory()?;
        rustix::process::chdir("/proc/self/fd")
            .map_err(|errno| SysError::Call { call: "chdir", source: errno.into() })?;
        let context = overlay_context(userxattr)?;
        context.string("lowerdir", names.as_bytes())?;
        if let Some((upper, work)) = &upper {
            context.flag("volatile")?;
            context.string("upperdir", upper.as_raw_fd().to_string().as_bytes())?;
            context.string("workdir", work.as_raw_fd().to_string().as_bytes())?;
        }
        context.mount(overlay_attributes(upper.is_some()))
    };
    // Before 6.5 the kernel only looks the names up when the mount is made: descriptors stay until then.
    std::thread::scope(|scope| scope.spawn(mount).join()).unwrap_or_else(|_| {
        Err(SysError::Call { call: "thread", source: io::Error::other("the mounting thread ended early") })
    })
}

fn open_path(path: &Path) -> Result<OwnedFd, SysError> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    rustix::fs::open(path, flags, Mode::empty()).map_err(|errno| SysError::Path {
        call: "open",
        path: path.to_owned(),
        source: errno.into(),
    })
}

/// What a detached tmpfs looks like.
#[derive(Clone, Copy, Debug)]
pub struct TmpfsOptions {
    /// The most bytes that it takes; without, what the kernel allows: half of the memory.
    pub size_bytes: Option<u64>,
    /// The mode of its root directory.
    pub mode: u32,
    /// Whether programs can be run from it.
    pub executable: bool,
    /// Whether device nodes in it work.
    pub devices: bool,
}

/// Makes a detached, empty tmpfs, `nosuid`.
///
/// See `tmpfs(5)`; `fsopen` is since Linux 5.2.
///
/// # Errors
/// [`SysError::Filesystem`] with what the kernel says.
pub fn tmpfs(options: &TmpfsOptions) -> Result<OwnedFd, SysError> {
    let context = Context::open("tmpfs")?;
    context.string("source", b"tmpfs")?;
    if let Some(size) = options.size_bytes {
        context.string("size", size.to_string().as_bytes())?;
    }
    context.string("mode", format!("{:o}", options.mode).as_bytes())?;
    let mut attributes = MountAttrFlags::MOUNT_ATTR_NOSUID;
    if !options.devices {
        attributes |= MountAttrFlags::MOUNT_ATTR_NODEV;
    }
    if !options.executable {
        attributes |= MountAttrFlags::MOUNT_ATTR_NOEXEC;
    }
    context.mount(attributes)
}

/// Makes a detached file system for pseudo-terminals, with none in it yet.
///
/// See kernel documentation `filesystems/devpts`.
///
/// # Errors
/// [`SysError::Filesystem`] with what the kernel says.
pub fn devpts() -> Result<OwnedFd, SysError> {
    let context = Context::open("devpts")?;
    for (key, value) in DEVPTS_OPTIONS {
        context.string(key, value.as_bytes())?;
    }
    context.mount(MountAttrFlags::MOUNT_ATTR_NOSUID | MountAttrFlags::MOUNT_ATTR_NOEXEC)
}

/// Group 5 is tty in every distribution; `ptmxmode` lets ordinary users open terminals.
pub(crate) const DEVPTS_OPTIONS: [(&str, &str); 3] = [("ptmxmode", "0666"), ("mode", "0620"), ("gid", "5")];

/// How much of a mount tree a clone takes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Depth {
    /// The mount alone.
    Single,
    /// The mount with all mounts below it.
    Recursive,
}

/// Makes a detached clone (bind mount) of what is at a path of this mount namespace. The clone is private: what
/// is mounted on it later does not show up at the place that it was cloned from.
///
/// See `open_tree(2)`, since Linux 5.2, and `mount_setattr(2)`, since Linux 5.12.
///
/// # Errors
/// [`SysError::Path`], [`SysError::Call`].
pub fn clone_tree(path: &Path, depth: Depth) -> Result<OwnedFd, SysError> {
    let mut flags = OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC;
    if depth == Depth::Recursive {
        flags |= OpenTreeFlags::AT_RECURSIVE;
    }
    let clone = open_tree(CWD, path, flags).map_err(|errno| SysError::Path {
        call: "open_tree",
        path: path.to_owned(),
        source: errno.into(),
    })?;
    set_attributes(clone.as_fd(), depth, 0, libc::MS_PRIVATE)
        .map_err(|errno| SysError::Call { call: "mount_setattr", source: errno.into() })?;
    Ok(clone)
}

/// As [`clone_tree`], of the one file or directory that a descriptor stands for, without mounts below it.
///
/// # Errors
/// [`SysError::Call`].
pub fn clone_descriptor(file: BorrowedFd<'_>) -> Result<OwnedFd, SysError> {
    let call = |call| move |errno: rustix::io::Errno| SysError::Call { call, source: errno.into() };
    let flags = OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC | OpenTreeFlags::AT_EMPTY_PATH;
    let clone = open_tree(file, c"", flags).map_err(call("open_tree"))?;
    set_attributes(clone.as_fd(), Depth::Single, 0, libc::MS_PRIVATE).map_err(call("mount_setattr"))?;
    Ok(clone)
}

/// Makes a detached mount read-only.
///
/// See `mount_setattr(2)`; since Linux 5.12.
///
/// # Errors
/// [`SysError::Call`].
pub fn make_read_only(mount: BorrowedFd<'_>, depth: Depth) -> Result<(), SysError> {
    set_read_only(mount, depth).map_err(|errno| SysError::Call { call: "mount_setattr", source: errno.into() })
}

/// As [`make_read_only`], for a place that may not allocate.
pub(super) fn set_read_only(mount: BorrowedFd<'_>, depth: Depth) -> rustix::io::Result<()> {
    set_attributes(mount, depth, libc::MOUNT_ATTR_RDONLY, 0)
}

/// Adds attributes to a clone, for a place that may not allocate.
pub(super) fn set_clone_attributes(mount: BorrowedFd<'_>, attributes: CloneAttributes) -> rustix::io::Result<()> {
    let mut set = 0;
    if attributes.read_only {
        set |= libc::MOUNT_ATTR_RDONLY;
    }
    if attributes.no_exec {
        set |= libc::MOUNT_ATTR_NOEXEC;
    }
    set_attributes(mount, Depth::Single, set, libc::MS_PRIVATE)
}

/// Sets attributes and, unless it is 0, the propagation of a mount.
fn set_attributes(mount: BorrowedFd<'_>, depth: Depth, set: u64, propagation: u64) -> rustix::io::Result<()> {
    let attributes = libc::mount_attr { attr_set: set, attr_clr: 0, propagation, userns_fd: 0 };
    let recursive = if depth == Depth::Recursive { libc::AT_RECURSIVE } else { 0 };
    // SAFETY: the path is an empty C string, the attributes live across the call and their size is given.
    let answer = unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            mount.as_raw_fd(),
            c"".as_ptr(),
            libc::AT_EMPTY_PATH | recursive,
            &raw const attributes,
            size_of::<libc::mount_attr>(),
        )
    };
    if answer == 0 {
        return Ok(());
    }
    Err(rustix::io::Errno::from_io_error(&io::Error::last_os_error()).unwrap_or(rustix::io::Errno::IO))
}

/// A file system that is being configured.
struct Context {
    filesystem: &'static str,
    fd: OwnedFd,
}

impl Context {
    fn open(filesystem: &'static str) -> Result<Self, SysError> {
        let fd = fsopen(filesystem, FsOpenFlags::FSOPEN_CLOEXEC).map_err(|errno| match errno {
            rustix::io::Errno::NOSYS => SysError::Unsupported { feature: "fsopen", since: "5.2" },
            errno => SysError::Filesystem { filesystem, step: "fsopen", detail: String::new(), source: errno.into() },
        })?;
        Ok(Self { filesystem, fd })
    }

    fn string(&self, key: &'static str, value: &[u8]) -> Result<(), SysError> {
        let value = CString::new(value).map_err(|_| SysError::ZeroByte { what: "mount option" })?;
        fsconfig_set_string(self.fd.as_fd(), key, value.as_c_str()).map_err(|errno| self.error(key, errno))
    }

    fn flag(&self, key: &'static str) -> Result<(), SysError> {
        fsconfig_set_flag(self.fd.as_fd(), key).map_err(|errno| self.error(key, errno))
    }

    /// Sets an option to a directory. A path that `fsconfig` would not take as it stands (too long, relative,
    /// with the backslash that overlayfs reads as an escape) is handed over through a descriptor.
    fn directory(&self, key: &'static str, path: &Path) -> Result<(), SysError> {
        let bytes = path.as_os_str().as_bytes();
        if path.is_absolute() && bytes.len() <= MAX_OPTION_BYTES && !bytes.contains(&b'\\') {
            return self.string(key, bytes);
        }
        let directory = open_path(path)?;
        self.string(key, format!("/proc/self/fd/{}", directory.as_raw_fd()).as_bytes())
    }

    fn mount(&self, attributes: MountAttrFlags) -> Result<OwnedFd, SysError> {
        fsconfig_create(self.fd.as_fd()).map_err(|errno| self.error("create", errno))?;
        fsmount(self.fd.as_fd(), FsMountFlags::FSMOUNT_CLOEXEC, attributes)
            .map_err(|errno| self.error("fsmount", errno))
    }

    fn error(&self, step: &'static str, errno: rustix::io::Errno) -> SysError {
        SysError::Filesystem { filesystem: self.filesystem, step, detail: self.log(), source: errno.into() }
    }

    /// Reads the kernel's messages about this mount: one per read, `e overlay: text`.
    fn log(&self) -> String {
        let mut messages: Vec<String> = Vec::new();
        let mut buffer = [0_u8; MAX_LOG_BYTES];
        // The log ends with ENODATA; a log that cannot be read leaves the error number, which is enough.
        while let Ok(length @ 1..) = rustix::io::read(self.fd.as_fd(), &mut buffer) {
            let text = String::from_utf8_lossy(buffer.get(..length).unwrap_or_default());
            messages.push(text.get(2..).unwrap_or_default().trim().to_owned());
        }
        messages.join("; ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn root() -> bool {
        rustix::process::geteuid().is_root()
    }

    #[test]
    fn an_overlay_without_lower_directories_is_refused() {
        assert!(matches!(overlay(&[], None, false), Err(SysError::LayerCount { count: 0, max: 500 })));
    }

    #[test]
    fn a_detached_overlay_is_read_and_written_through_its_descriptor() {
        if !root() {
            return;
        }
        let base = tempfile::tempdir().unwrap();
        // Names that fsconfig would not take as they are: a backslash, a comma, a colon and great length.
        let long = "long,name:with\\all".repeat(13);
        let dir = |name: &str| {
            let path = base.path().join(format!("{name}{long}"));
            std::fs::create_dir(&path).unwrap();
            path
        };
        let (top, bottom, upper, work) = (dir("top"), dir("bottom"), dir("upper"), dir("work"));
        std::fs::write(bottom.join("a"), "bottom").unwrap();
        std::fs::write(bottom.join("b"), "bottom").unwrap();
        std::fs::write(top.join("a"), "top").unwrap();
        let mount = overlay(&[&top, &bottom], Some((&upper, &work)), false).unwrap();
        let through = |name: &str| Path::new("/proc/self/fd").join(mount.as_raw_fd().to_string()).join(name);
        assert_eq!(std::fs::read_to_string(through("a")).unwrap(), "top");
        assert_eq!(std::fs::read_to_string(through("b")).unwrap(), "bottom");
        std::fs::write(through("c"), "new").unwrap();
        assert_eq!(std::fs::read_to_string(upper.join("c")).unwrap(), "new");
        assert!(!std::fs::read_to_string("/proc/self/mountinfo").unwrap().contains("builder"));
    }

    #[test]
    fn kernels_without_single_options_take_all_layers_in_one() {
        if !root() {
            return;
        }
        let base = tempfile::tempdir().unwrap();
        let dir = |name: &str| {
            let path = base.path().join(name);
            std::fs::create_dir(&path).unwrap();
            path
        };
        let lowers: Vec<_> = (0..50).map(|number| dir(&number.to_string())).collect();
        for (number, lower) in lowers.iter().enumerate() {
            std::fs::write(lower.join("who"), number.to_string()).unwrap();
            std::fs::write(lower.join(format!("only-{number}")), "").unwrap();
        }
        let (upper, work) = (dir("upper"), dir("work"));
        let lowers: Vec<&Path> = lowers.iter().map(std::path::PathBuf::as_path).collect();
        let before = std::env::current_dir().unwrap();
        let mount = overlay_of_one_option(&lowers, Some((&upper, &work)), false).unwrap();
        assert_eq!(std::env::current_dir().unwrap(), before);
        let through = |name: &str| Path::new("/proc/self/fd").join(mount.as_raw_fd().to_string()).join(name);
        assert_eq!(std::fs::read_to_string(through("who")).unwrap(), "0");
        assert_eq!(std::fs::read_dir(through("")).unwrap().count(), 51);
        std::fs::write(through("new"), "").unwrap();
        assert!(upper.join("new").exists());
        let many = vec![base.path(); 200];
        assert!(matches!(overlay_of_one_option(&many, None, false), Err(SysError::Unsupported { since: "6.7", .. })));
    }

    #[test]
    fn an_overlay_without_an_upper_directory_is_read_only() {
        if !root() {
            return;
        }
        let base = tempfile::tempdir().unwrap();
        let other = tempfile::tempdir().unwrap();
        for lowers in [&[base.path()][..], &[base.path(), other.path()][..]] {
            let mount = overlay(lowers, None, false).unwrap();
            let target = Path::new("/proc/self/fd").join(mount.as_raw_fd().to_string()).join("x");
            assert_eq!(std::fs::write(target, "").unwrap_err().raw_os_error(), Some(libc::EROFS));
        }
    }

    #[test]
    fn a_failure_says_what_the_kernel_said() {
        if !root() {
            return;
        }
        let lower = Path::new("/nonexistent/lower");
        let error = overlay(&[lower, lower], None, false).unwrap_err();
        assert!(error.to_string().contains("lowerdir+"), "{error}");
        assert_eq!(error.errno(), Some(libc::ENOENT));
    }
}
