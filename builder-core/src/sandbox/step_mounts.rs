//! What a step has mounted besides what every sandbox has.
//!
//! Each of them is a detached mount that the parent makes: nobody outside ever sees it, and it goes away with the
//! last process that holds it. So a secret is in memory only, in the sandbox only, and gone with it.

use std::ffi::CString;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, Gid, Mode, OFlags, Uid};
use rustix::io::Errno;

use super::SandboxError;
use super::error::MOUNT_TARGET;
use super::setup_plan::{DEV_BYTES, check_target};
use super::stubs::{Stub, StubKind};
use crate::fs::PathContext;
use crate::secret::{MAX_SECRET_BYTES, Secret};
use crate::sys::mount::{self, Depth, TmpfsOptions};
use crate::sys::setup_op::{CloneAttributes, SetupOp, Slot};

/// The name of the one file in the tmpfs of a secret or socket.
const ONLY_FILE: &str = "file";
/// The sandbox's own mounts inside of `/dev`, which cover what `/dev` holds there.
const OWN_IN_DEV: [&str; 3] = ["/dev/pts", "/dev/shm", "/dev/mqueue"];
/// Room for a socket, whose inode takes no block.
const SOCKET_BYTES: u64 = 64 * 1024;

/// The owner and mode of a file that the sandbox gets.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FileOwner {
    /// User, by its number in the sandbox.
    pub uid: u32,
    /// Group, by its number in the sandbox.
    pub gid: u32,
    /// Permission bits.
    pub mode: u32,
}

/// One mount of a step.
#[derive(Debug)]
pub struct SandboxMount {
    target: String,
    pub(super) tree: OwnedFd,
    /// The file or directory in the tree, free of links; empty for all of it.
    path: PathBuf,
    kind: StubKind,
    attributes: CloneAttributes,
    /// The size of what is nothing but an empty file system to write to, in bytes.
    empty: Option<u64>,
}

impl SandboxMount {
    /// Mounts a file or directory of a detached mount at an absolute and clean path.
    ///
    /// # Errors
    /// [`SandboxError::InvalidPath`], [`SandboxError::Sys`].
    pub fn tree(
        target: &str,
        tree: OwnedFd,
        path: &Path,
        kind: StubKind,
        read_only: bool,
    ) -> Result<Self, SandboxError> {
        check_target(MOUNT_TARGET, target)?;
        if read_only && path.as_os_str().is_empty() {
            mount::make_read_only(tree.as_fd(), Depth::Single)?;
        }
        let attributes = CloneAttributes { read_only, no_exec: false };
        Ok(Self { target: target.to_owned(), tree, path: path.to_owned(), kind, attributes, empty: None })
    }

    /// Mounts an empty file system in memory of at most so many bytes.
    ///
    /// # Errors
    /// As [`SandboxMount::tree`].
    pub fn tmpfs(target: &str, size_bytes: Option<u64>, read_only: bool) -> Result<Self, SandboxError> {
        let options = TmpfsOptions { size_bytes, mode: 0o1777, executable: true, devices: true };
        let mut tmpfs = Self::tree(target, mount::tmpfs(&options)?, Path::new(""), StubKind::Directory, read_only)?;
        tmpfs.empty = (!read_only).then_some(size_bytes.unwrap_or(DEV_BYTES));
        Ok(tmpfs)
    }

    /// Mounts a file in memory that holds a secret.
    ///
    /// # Errors
    /// As [`SandboxMount::tree`]; [`SandboxError::IdNotMapped`].
    pub fn secret(target: &str, value: &Secret, owner: FileOwner, read_only: bool) -> Result<Self, SandboxError> {
        // The kernel rounds up to pages.
        let tree = private_tmpfs(MAX_SECRET_BYTES as u64 + SOCKET_BYTES, owner.mode & 0o111 != 0)?;
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = rustix::fs::openat(&tree, ONLY_FILE, flags, Mode::from_raw_mode(0o600)).at("create", target)?;
        std::io::Write::write_all(&mut std::fs::File::from(file), value.expose()).at("write", target)?;
        give(&tree, target, owner)?;
        let mut secret = Self::tree(target, tree, Path::new(ONLY_FILE), StubKind::File, read_only)?;
        secret.attributes.no_exec = owner.mode & 0o111 == 0;
        Ok(secret)
    }

    /// Mounts a socket; who connects to it talks to the listener.
    ///
    /// # Errors
    /// As [`SandboxMount::secret`].
    pub fn socket(target: &str, owner: FileOwner, read_only: bool) -> Result<(Self, UnixListener), SandboxError> {
        let tree = private_tmpfs(SOCKET_BYTES, false)?;
        // The address of a socket is a path, and a detached mount has none but by its descriptor.
        let address = format!("/proc/self/fd/{}/{ONLY_FILE}", tree.as_raw_fd());
        let listener = UnixListener::bind(&address).at("make socket", target)?;
        give(&tree, target, owner)?;
        let mount = Self::tree(target, tree, Path::new(ONLY_FILE), StubKind::File, read_only)?;
        Ok((mount, listener))
    }

    /// Returns where it is mounted.
    pub fn target(&self) -> &str {
        &self.target
    }

    /// Returns whether a file or a directory is mounted.
    pub(super) fn kind(&self) -> StubKind {
        self.kind
    }

    /// Whether it lies below another path.
    fn is_below(&self, path: &str) -> bool {
        self.target.strip_prefix(path).is_some_and(|rest| rest.starts_with('/'))
    }

    fn depth(&self) -> usize {
        self.target.matches('/').count()
    }
}

fn private_tmpfs(size_bytes: u64, executable: bool) -> Result<OwnedFd, SandboxError> {
    Ok(mount::tmpfs(&TmpfsOptions { size_bytes: Some(size_bytes), mode: 0o755, executable, devices: false })?)
}

fn give(tree: &OwnedFd, target: &str, owner: FileOwner) -> Result<(), SandboxError> {
    let (uid, gid) = (Uid::from_raw(owner.uid), Gid::from_raw(owner.gid));
    for (kind, id, uid, gid) in [("user", owner.uid, Some(uid), None), ("group", owner.gid, None, Some(gid))] {
        match rustix::fs::chownat(tree, ONLY_FILE, uid, gid, AtFlags::SYMLINK_NOFOLLOW) {
            Err(Errno::INVAL) => return Err(SandboxError::IdNotMapped { kind, id }),
            other => other.at("change owner of", target)?,
        }
    }
    let mode = Mode::from_raw_mode(owner.mode);
    Ok(rustix::fs::chmodat(tree, ONLY_FILE, mode, AtFlags::empty()).at("change mode of", target)?)
}

/// The mounts by their numbers, in the order in which they are made: a path before what is below it, and of the
/// same path the first one first, so that the last one is seen.
pub(super) fn order(mounts: &[SandboxMount]) -> Vec<(usize, &SandboxMount)> {
    let mut order: Vec<_> = mounts.iter().enumerate().collect();
    order.sort_by_key(|(_, mount)| mount.depth());
    order
}

/// The mount points that the root filesystem must have: those in other mounts are made when these stand.
pub(super) fn stubs(mounts: &[SandboxMount]) -> Vec<Stub> {
    let outermost = mounts.iter().filter(|mount| {
        !mount.is_below("/dev") && mount.target != "/dev" && !mounts.iter().any(|other| mount.is_below(&other.target))
    });
    outermost.map(|mount| Stub { target: mount.target.clone(), kind: mount.kind }).collect()
}

/// The mount points below `/dev`, which is the sandbox's own: paths relative to it.
pub(super) fn in_dev(mounts: &[SandboxMount]) -> impl Iterator<Item = (&str, StubKind)> {
    let below = mounts.iter().filter_map(|mount| Some((mount.target.strip_prefix("/dev/")?, mount)));
    below
        .filter(|(_, mount)| !mounts.iter().any(|other| mount.is_below(&other.target) && !is_replaced(mounts, other)))
        .filter(|(_, mount)| !OWN_IN_DEV.iter().any(|own| mount.is_below(own)))
        .map(|(path, mount)| (path, mount.kind))
}

/// The size of the empty file system that a step wants in the place of the usual `/dev`, in bytes: it is that of the
/// usual one then, which has its devices in it.
pub(super) fn dev_bytes(mounts: &[SandboxMount]) -> Option<u64> {
    let mut found = mounts.iter().filter(|mount| mount.target == "/dev");
    match (found.next(), found.next()) {
        (Some(only), None) => only.empty,
        _ => None,
    }
}

/// Whether the usual mount stands for this one.
fn is_replaced(mounts: &[SandboxMount], mount: &SandboxMount) -> bool {
    mount.target == "/dev" && dev_bytes(mounts).is_some()
}

/// Whether one of the mounts takes the place of the sandbox's own.
pub(super) fn covers(mounts: &[SandboxMount], own: &str) -> bool {
    mounts.iter().any(|mount| mount.target == own && mount.kind == StubKind::Directory)
}

/// The operations that make the mounts, when all else stands. A part of a mount is cloned where the whole is
/// attached for a moment: on top of `/dev`, which every sandbox has.
pub(super) fn operations(mounts: &[SandboxMount], first: Slot, one: Slot) -> Result<Vec<SetupOp>, SandboxError> {
    let mut operations = Vec::new();
    let order = order(mounts);
    for (position, (index, mount)) in order.iter().enumerate() {
        let number = u8::try_from(*index).ok().and_then(|index| first.0.checked_add(index));
        let Some(slot) = number.map(Slot) else {
            return Err(SandboxError::TooManyMounts { limit: usize::from(u8::MAX - first.0) + 1 });
        };
        if is_replaced(mounts, mount) {
            continue;
        }
        let earlier = order.get(..position).unwrap_or_default();
        let outer = innermost(earlier.iter().map(|(_, other)| *other), mount).map(SandboxMount::target);
        let own = OWN_IN_DEV.into_iter().find(|own| mount.is_below(own));
        if let Some(outer) = outer.into_iter().chain(own).max_by_key(|outer| outer.len()) {
            mount_point(mount, outer.len(), &mut operations)?;
        }
        let target = path_text(mount.target.as_bytes())?;
        if mount.path.as_os_str().is_empty() {
            operations.push(SetupOp::Attach { slot, target });
            continue;
        }
        let staging = || path_text(b"/dev");
        let path = path_text(Path::new("/dev").join(&mount.path).as_os_str().as_bytes())?;
        operations.push(SetupOp::Attach { slot, target: staging()? });
        operations.push(SetupOp::Clone { path, slot: one, attributes: mount.attributes });
        operations.push(SetupOp::Detach { target: staging()? });
        operations.push(SetupOp::Attach { slot: one, target });
    }
    Ok(operations)
}

/// The mount that another one lies in.
pub(super) fn around<'m>(mounts: &'m [SandboxMount], mount: &SandboxMount) -> Option<&'m SandboxMount> {
    innermost(mounts.iter(), mount)
}

fn innermost<'m>(mounts: impl Iterator<Item = &'m SandboxMount>, mount: &SandboxMount) -> Option<&'m SandboxMount> {
    mounts.filter(|other| mount.is_below(&other.target)).max_by_key(|other| other.depth())
}

/// Makes the mount point in another mount, where it is missing.
fn mount_point(mount: &SandboxMount, outer: usize, operations: &mut Vec<SetupOp>) -> Result<(), SandboxError> {
    let target = mount.target.as_str();
    let ends = target.match_indices('/').map(|(end, _)| end).filter(|end| *end > outer);
    for end in ends {
        operations.push(directory(target.get(..end).unwrap_or_default())?);
    }
    operations.push(match mount.kind {
        StubKind::Directory => directory(target)?,
        StubKind::File => SetupOp::CreateFile { path: path_text(target.as_bytes())? },
    });
    Ok(())
}

fn directory(path: &str) -> Result<SetupOp, SandboxError> {
    Ok(SetupOp::CreateDirectory { path: path_text(path.as_bytes())?, uid: Uid::ROOT, gid: Gid::ROOT })
}

fn path_text(path: &[u8]) -> Result<CString, SandboxError> {
    CString::new(path)
        .map_err(|_| SandboxError::ZeroByte { what: "mount", text: String::from_utf8_lossy(path).into_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mounts(targets: &[&str]) -> Vec<SandboxMount> {
        let tree = || std::fs::File::open("/").unwrap().into();
        let mount = |target: &&str| SandboxMount {
            target: (*target).to_owned(),
            tree: tree(),
            path: PathBuf::new(),
            kind: StubKind::Directory,
            attributes: CloneAttributes { read_only: false, no_exec: false },
            empty: None,
        };
        targets.iter().map(mount).collect()
    }

    #[test]
    fn outer_mounts_come_first_and_equal_ones_keep_their_order() {
        let mounts = mounts(&["/a/b/c", "/a", "/x", "/a"]);
        let order: Vec<usize> = order(&mounts).into_iter().map(|(index, _)| index).collect();
        assert_eq!(order, [1, 2, 3, 0]);
    }

    #[test]
    fn only_what_the_root_filesystem_holds_needs_a_stub() {
        let mounts = mounts(&["/a/b/c", "/a", "/ab", "/dev/x", "/x/y"]);
        let stubs: Vec<String> = stubs(&mounts).into_iter().map(|stub| stub.target).collect();
        assert_eq!(stubs, ["/a", "/ab", "/x/y"]);
        assert_eq!(in_dev(&mounts).map(|(path, _)| path).collect::<Vec<_>>(), ["x"]);
    }

    #[test]
    fn mount_points_in_other_mounts_are_made_with_all_that_lead_to_them() {
        let mounts = mounts(&["/a", "/a/b/c"]);
        let text = format!("{:?}", operations(&mounts, Slot(20), Slot(1)).unwrap());
        assert_eq!(text.matches("CreateDirectory").count(), 2, "{text}");
        assert!(text.contains("\"/a/b\"") && text.contains("\"/a/b/c\""), "{text}");
    }

    #[test]
    fn mount_points_in_the_mounts_of_the_sandbox_are_made_when_these_stand() {
        let mounts = mounts(&["/dev/shm/a/b", "/dev/pts", "/dev/shm2"]);
        assert_eq!(in_dev(&mounts).map(|(path, _)| path).collect::<Vec<_>>(), ["pts", "shm2"]);
        let text = format!("{:?}", operations(&mounts, Slot(20), Slot(1)).unwrap());
        assert_eq!(text.matches("CreateDirectory").count(), 2, "{text}");
        assert!(text.contains("\"/dev/shm/a\"") && text.contains("\"/dev/shm/a/b\""), "{text}");
    }

    #[test]
    fn an_empty_dev_is_the_usual_one() {
        let mut mounts = mounts(&["/dev", "/dev/x"]);
        assert_eq!((dev_bytes(&mounts), in_dev(&mounts).count()), (None, 0));
        mounts[0].empty = Some(7);
        assert_eq!(dev_bytes(&mounts), Some(7));
        assert_eq!(in_dev(&mounts).map(|(path, _)| path).collect::<Vec<_>>(), ["x"]);
        let text = format!("{:?}", operations(&mounts, Slot(20), Slot(1)).unwrap());
        assert_eq!((text.matches("Attach").count(), text.contains("\"/dev\"")), (1, false), "{text}");
    }

    #[test]
    fn more_mounts_than_slots_are_refused() {
        let mounts = mounts(&vec!["/a"; 240]);
        assert!(matches!(operations(&mounts, Slot(20), Slot(1)), Err(SandboxError::TooManyMounts { limit: 236 })));
    }
}
