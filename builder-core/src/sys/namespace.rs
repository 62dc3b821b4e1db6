//! Namespaces of the calling process: `unshare(2)`, `user_namespaces(7)`, `network_namespaces(7)`.

use std::io;

use rustix::io::{Errno, Result};
use rustix::net::{AddressFamily, SocketFlags, SocketType, socket_with};

use super::SysError;

/// Moves the calling process into a new user and a new mount namespace (user namespaces: since Linux 3.8).
///
/// # Errors
/// [`SysError::Call`]; `EINVAL` when the process has more than one thread, `EPERM` or `ENOSPC` when the
/// system does not allow it.
pub(crate) fn enter_user_and_mount_namespace() -> std::result::Result<(), SysError> {
    // SAFETY: the call changes namespaces only; no memory is touched, and descriptors are not shared anew.
    let answer = unsafe { libc::unshare(libc::CLONE_NEWUSER | libc::CLONE_NEWNS) };
    if answer == 0 { Ok(()) } else { Err(SysError::Call { call: "unshare", source: io::Error::last_os_error() }) }
}

/// Gives the calling thread a working directory of its own, apart from the rest of the process.
///
/// # Errors
/// [`SysError::Call`] with what `unshare(2)` says.
pub(super) fn own_working_directory() -> std::result::Result<(), SysError> {
    // SAFETY: no memory is passed; only this thread's file-system attributes change.
    let answer = unsafe { libc::unshare(libc::CLONE_FS) };
    if answer == 0 { Ok(()) } else { Err(SysError::Call { call: "unshare", source: io::Error::last_os_error() }) }
}

/// Puts the children of the calling process, and not itself, into a new process namespace.
pub(super) fn own_process_numbers() -> Result<()> {
    // SAFETY: no memory is passed; the call says where the next child of this process counts from.
    let answer = unsafe { libc::unshare(libc::CLONE_NEWPID) };
    if answer == 0 { Ok(()) } else { Err(Errno::from_io_error(&io::Error::last_os_error()).unwrap_or(Errno::IO)) }
}

/// Sets the flag "up" on the loopback interface of the current network namespace (`netdevice(7)`).
pub(super) fn loopback_up() -> Result<()> {
    let socket = socket_with(AddressFamily::INET, SocketType::DGRAM, SocketFlags::CLOEXEC, None)?;
    let mut name = [0; libc::IFNAMSIZ];
    for (to, from) in name.iter_mut().zip(c"lo".to_bytes()) {
        *to = from.cast_signed();
    }
    let flags = i16::try_from(libc::IFF_UP).unwrap_or_default();
    let request = libc::ifreq { ifr_name: name, ifr_ifru: libc::__c_anonymous_ifr_ifru { ifru_flags: flags } };
    // SAFETY: the kernel reads one `ifreq`, which lives across the call.
    let answer =
        unsafe { libc::ioctl(std::os::fd::AsRawFd::as_raw_fd(&socket), libc::SIOCSIFFLAGS, &raw const request) };
    if answer == 0 { Ok(()) } else { Err(Errno::from_io_error(&io::Error::last_os_error()).unwrap_or(Errno::IO)) }
}
