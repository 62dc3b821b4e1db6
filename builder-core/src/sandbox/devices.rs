//! The devices of the host, for steps with all privileges.

use std::fs;
use std::os::fd::BorrowedFd;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::Path;

use rustix::fs::{AtFlags, FileType, Mode, makedev};
use rustix::io::Errno;

use crate::fs::{PathContext, PathError};

/// What is no device but has a file system of its own in every sandbox.
const OTHER: [&str; 5] = ["pts", "shm", "mqueue", "fd", "hugepages"];
/// How deep devices lie: `/dev/bus/usb/001/002`.
const MAX_DEPTH: usize = 4;
/// The most nodes that are made; a machine with more has them in the first ones of interest.
const MAX_NODES: usize = 4096;
/// Loop devices that steps find even where the host has not used any yet.
const LOOPS: u32 = 8;
const LOOP_MAJOR: u32 = 7;
const LOOP_CONTROL: (u32, u32) = (10, 237);

/// Makes in a tmpfs the nodes of the host's `/dev`, and those of loop devices.
pub(super) fn repeat(tmpfs: BorrowedFd<'_>) -> Result<(), PathError> {
    let mut left = MAX_NODES;
    below(tmpfs, Path::new(""), 0, &mut left)?;
    node(tmpfs, Path::new("loop-control"), FileType::CharacterDevice, LOOP_CONTROL, (0, 6, 0o660))?;
    for number in 0..LOOPS {
        let path = format!("loop{number}");
        node(tmpfs, Path::new(&path), FileType::BlockDevice, (LOOP_MAJOR, number), (0, 6, 0o660))?;
    }
    Ok(())
}

fn below(tmpfs: BorrowedFd<'_>, path: &Path, depth: usize, left: &mut usize) -> Result<(), PathError> {
    let host = Path::new("/dev").join(path);
    // Devices come and go: what cannot be looked at any more is not there.
    for entry in fs::read_dir(&host).at("list", &host)?.flatten() {
        let Ok(metadata) = entry.metadata() else { continue };
        let (kind, inner) = (metadata.file_type(), path.join(entry.file_name()));
        if kind.is_dir() && depth < MAX_DEPTH && !OTHER.iter().any(|other| inner == Path::new(other)) {
            match rustix::fs::mkdirat(tmpfs, &inner, Mode::from_raw_mode(0o755)) {
                Ok(()) | Err(Errno::EXIST) => below(tmpfs, &inner, depth + 1, left)?,
                Err(errno) => return Err(errno).at("create directory", &inner),
            }
            continue;
        }
        let file_type = if kind.is_char_device() {
            FileType::CharacterDevice
        } else if kind.is_block_device() {
            FileType::BlockDevice
        } else {
            continue;
        };
        if *left == 0 {
            return Ok(());
        }
        *left -= 1;
        let number = (rustix::fs::major(metadata.rdev()), rustix::fs::minor(metadata.rdev()));
        node(tmpfs, &inner, file_type, number, (metadata.uid(), metadata.gid(), metadata.mode() & 0o7777))?;
    }
    Ok(())
}

/// Makes one node unless something is there; `owner` is user, group and mode.
fn node(
    tmpfs: BorrowedFd<'_>,
    path: &Path,
    kind: FileType,
    (major, minor): (u32, u32),
    (uid, gid, mode): (u32, u32, u32),
) -> Result<(), PathError> {
    match rustix::fs::mknodat(tmpfs, path, kind, Mode::from_raw_mode(0o600), makedev(major, minor)) {
        Ok(()) => {}
        Err(Errno::EXIST) => return Ok(()),
        Err(errno) => return Err(errno).at("create device", path),
    }
    let (uid, gid) = (rustix::fs::Uid::from_raw(uid), rustix::fs::Gid::from_raw(gid));
    rustix::fs::chownat(tmpfs, path, Some(uid), Some(gid), AtFlags::SYMLINK_NOFOLLOW).at("change owner of", path)?;
    rustix::fs::chmodat(tmpfs, path, Mode::from_raw_mode(mode), AtFlags::empty()).at("change mode of", path)
}
