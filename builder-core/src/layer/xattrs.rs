//! Extended attributes of files.

use std::collections::BTreeMap;
use std::os::fd::BorrowedFd;

/// The most bytes of attribute names of one file that are read; the kernel's own limit.
const MAX_XATTR_LIST: usize = 64 * 1024;

/// Reads the attributes that belong into a layer: all but those of overlayfs, `SELinux` and the kernel's own.
pub(super) fn xattrs(file: BorrowedFd<'_>) -> std::io::Result<BTreeMap<Vec<u8>, Vec<u8>>> {
    let mut found = BTreeMap::new();
    let mut names = Vec::with_capacity(1024);
    loop {
        match rustix::fs::flistxattr(file, rustix::buffer::spare_capacity(&mut names)) {
            Ok(_) => break,
            Err(rustix::io::Errno::NOTSUP) => return Ok(found),
            Err(rustix::io::Errno::RANGE) if names.capacity() < MAX_XATTR_LIST => names.reserve(MAX_XATTR_LIST),
            Err(error) => return Err(error.into()),
        }
    }
    for name in names.split(|byte| *byte == 0).filter(|name| !name.is_empty()) {
        let own = [b"trusted.overlay.".as_slice(), b"user.overlay.", b"security.selinux", b"system."];
        if own.iter().any(|prefix| name.starts_with(prefix)) {
            continue;
        }
        let mut value = Vec::with_capacity(256);
        let read = loop {
            match rustix::fs::fgetxattr(file, name, rustix::buffer::spare_capacity(&mut value)) {
                Err(rustix::io::Errno::RANGE) if value.capacity() < MAX_XATTR_LIST => value.reserve(MAX_XATTR_LIST),
                other => break other,
            }
        };
        match read {
            Ok(_) => {
                found.insert(name.to_vec(), value);
            }
            // Gone meanwhile, or not for this user to read.
            Err(rustix::io::Errno::NODATA | rustix::io::Errno::PERM | rustix::io::Errno::ACCESS) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(found)
}
