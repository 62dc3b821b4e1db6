//! Filters of system calls, `seccomp(2)`, since Linux 3.17.

use rustix::io::{Errno, Result};

use super::setup_op::FilterProgram;

/// Installs a filter for the calling thread. Without `no_new_privs` it takes `CAP_SYS_ADMIN`.
pub(super) fn install(filter: &FilterProgram) -> Result<()> {
    let Ok(length) = u16::try_from(filter.instructions.len()) else { return Err(Errno::INVAL) };
    let program = libc::sock_fprog { len: length, filter: filter.instructions.as_ptr().cast_mut() };
    // SAFETY: the program lives across the call, its length is right, and the kernel only reads it.
    let answer = unsafe { libc::syscall(libc::SYS_seccomp, libc::SECCOMP_SET_MODE_FILTER, 0, &raw const program) };
    if answer == 0 { Ok(()) } else { Err(last_errno()) }
}

/// Tells whether the kernel has seccomp filters (`SECCOMP_GET_ACTION_AVAIL`, since Linux 4.14).
pub(crate) fn available() -> bool {
    let action = libc::SECCOMP_RET_ERRNO;
    // SAFETY: the kernel reads one 32-bit number that lives across the call.
    let answer = unsafe { libc::syscall(libc::SYS_seccomp, libc::SECCOMP_GET_ACTION_AVAIL, 0, &raw const action) };
    answer == 0
}

fn last_errno() -> Errno {
    // SAFETY: the location of this thread's error number is always valid.
    let location = unsafe { libc::__errno_location() };
    // SAFETY: as above; it is read right after the failed call.
    Errno::from_raw_os_error(unsafe { *location })
}
