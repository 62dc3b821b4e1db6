//! Starts a process in new namespaces: `clone3(2)` since Linux 5.3, pidfds since 5.2, `close_range(2)` since 5.9.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

use rustix::io::Errno;
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::{Signal, WaitIdOptions, WaitIdStatus, pidfd_send_signal};

use super::SysError;
use super::child::{self, Order};
use super::report::{REPORT_BYTES, Report};
use super::setup_op::{MAX_SLOTS, SetupOp, Slot};

/// The namespaces that a child gets of its own; a mount, pid, ipc, uts and cgroup namespace always.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum NetworkNamespace {
    /// That of the parent.
    Inherited,
    /// A new one with nothing but a loopback interface.
    New,
}

/// What to start.
#[derive(Debug)]
pub(crate) struct Launch<'a> {
    pub(crate) network: NetworkNamespace,
    pub(crate) init: &'a [SetupOp],
    pub(crate) command: &'a [SetupOp],
    pub(crate) slots: &'a [(Slot, BorrowedFd<'a>)],
    /// Whether signals to the first process go on to the command.
    pub(crate) forward: bool,
}

/// A started sandbox, killed and collected when dropped.
#[derive(Debug)]
pub(crate) struct Child {
    pidfd: OwnedFd,
    report: OwnedFd,
    /// Held for its closing, which the child notices.
    _alive: OwnedFd,
    collected: bool,
}

/// Clones the calling thread into new namespaces, where the order is carried out.
///
/// The child dies with the calling thread: a caller waits for it on the same thread.
///
/// # Errors
/// [`SysError::Call`]; what goes wrong inside the child comes as a report.
pub(crate) fn spawn(launch: &Launch<'_>) -> Result<Child, SysError> {
    let call = |call| move |errno: Errno| SysError::Call { call, source: errno.into() };
    let (report, report_writer) = pipe_with(PipeFlags::CLOEXEC).map_err(call("pipe2"))?;
    let (alive_reader, alive) = pipe_with(PipeFlags::CLOEXEC).map_err(call("pipe2"))?;
    let mut slots = [-1; MAX_SLOTS];
    for (slot, fd) in launch.slots {
        if let Some(place) = slots.get_mut(usize::from(slot.0)) {
            *place = fd.as_raw_fd();
        }
    }
    let keep: Vec<RawFd> = slots.iter().copied().chain([report_writer.as_raw_fd(), alive_reader.as_raw_fd()]).collect();
    let order = Order {
        init: launch.init,
        command: launch.command,
        slots,
        close: &ranges_without(&keep),
        report: report_writer.as_raw_fd(),
        alive: alive_reader.as_raw_fd(),
        forward: launch.forward,
        command_line: command_line(),
    };
    let pidfd = clone_into(launch.network, order).map_err(call("clone3"))?;
    Ok(Child { pidfd, report, _alive: alive, collected: false })
}

fn clone_into(network: NetworkNamespace, order: Order<'_>) -> rustix::io::Result<OwnedFd> {
    let mut pidfd: RawFd = -1;
    let mut flags = libc::CLONE_PIDFD
        | libc::CLONE_NEWNS
        | libc::CLONE_NEWPID
        | libc::CLONE_NEWIPC
        | libc::CLONE_NEWUTS
        | libc::CLONE_NEWCGROUP;
    if network == NetworkNamespace::New {
        flags |= libc::CLONE_NEWNET;
    }
    // No signal at its end: an embedder's handling of SIGCHLD is left alone, and the pidfd tells us.
    let mut clone_arguments = [0_u64; CLONE_ARGUMENTS];
    let [flags_place, pidfd_place, ..] = &mut clone_arguments;
    *flags_place = u64::from(flags.cast_unsigned());
    *pidfd_place = (&raw mut pidfd).expose_provenance() as u64;
    // A handler of the program around us must not run in the child, so no signal comes through until it has
    // its own handling.
    let blocked = BlockedSignals::new()?;
    // SAFETY: without CLONE_VM the child gets a copy of the memory, as with fork; it calls nothing but `run`,
    // which neither allocates nor locks nor returns. The kernel writes the pidfd into a live variable.
    let answer = unsafe { libc::syscall(libc::SYS_clone3, clone_arguments.as_ptr(), size_of_val(&clone_arguments)) };
    if answer == 0 {
        child::run(order);
    }
    let errno = io::Error::last_os_error();
    drop(blocked);
    if answer < 0 {
        return Err(Errno::from_io_error(&errno).unwrap_or(Errno::IO));
    }
    // SAFETY: the kernel made this descriptor for us in this call.
    Ok(unsafe { OwnedFd::from_raw_fd(pidfd) })
}

/// `struct clone_args` up to `tls`, its first published version, as 64-bit numbers: `flags`, `pidfd`, `child_tid`,
/// `parent_tid`, `exit_signal`, `stack`, `stack_size`, `tls`.
const CLONE_ARGUMENTS: usize = 8;

/// All signals blocked in this thread; as before when dropped.
struct BlockedSignals {
    before: libc::sigset_t,
}

impl BlockedSignals {
    fn new() -> rustix::io::Result<Self> {
        let mut all = std::mem::MaybeUninit::<libc::sigset_t>::uninit();
        let mut before = std::mem::MaybeUninit::<libc::sigset_t>::uninit();
        // SAFETY: the call initializes the set that it is given.
        unsafe { libc::sigfillset(all.as_mut_ptr()) };
        // SAFETY: the first set has been initialized, the second is written by the call.
        let answer = unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, all.as_ptr(), before.as_mut_ptr()) };
        if answer != 0 {
            return Err(Errno::from_raw_os_error(answer));
        }
        // SAFETY: the call above succeeded, so the set was written.
        Ok(Self { before: unsafe { before.assume_init() } })
    }
}

impl Drop for BlockedSignals {
    fn drop(&mut self) {
        // SAFETY: the set came from the same call; restoring a mask that was in force cannot fail.
        unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, &raw const self.before, std::ptr::null_mut()) };
    }
}

/// Returns the ranges of descriptor numbers above the standard streams that lie between the kept ones.
fn ranges_without(keep: &[RawFd]) -> Vec<(u32, u32)> {
    let mut keep: Vec<u32> = keep.iter().filter_map(|fd| u32::try_from(*fd).ok()).collect();
    keep.sort_unstable();
    keep.dedup();
    let mut ranges = Vec::new();
    let mut next = 3;
    for fd in keep {
        if fd > next {
            ranges.push((next, fd - 1));
        }
        next = next.max(fd.saturating_add(1));
    }
    ranges.push((next, u32::MAX));
    ranges
}

/// Finds this process's command line in its own memory (`proc_pid_stat(5)`, fields 48 and 49): (start, length).
fn command_line() -> Option<(usize, usize)> {
    let line = std::fs::read_to_string("/proc/self/stat").ok()?;
    // The name in the second field may hold anything, so the count starts after it: with field 3.
    let mut fields = line.rsplit_once(')')?.1.split_ascii_whitespace().skip(45);
    let start: usize = fields.next()?.parse().ok()?;
    let end: usize = fields.next()?.parse().ok()?;
    // Zero where the kernel does not tell.
    if start == 0 { None } else { Some((start, end.checked_sub(start)?)) }
}

impl Child {
    /// Becomes readable when the sandbox is gone with everything in it.
    pub(crate) fn pidfd(&self) -> BorrowedFd<'_> {
        self.pidfd.as_fd()
    }

    /// Becomes readable when there is a report.
    pub(crate) fn report(&self) -> BorrowedFd<'_> {
        self.report.as_fd()
    }

    /// Reads the report; nothing when the child ended without one.
    pub(crate) fn read_report(&self) -> Result<Option<Report>, SysError> {
        let mut bytes = [0; REPORT_BYTES];
        let length = rustix::io::retry_on_intr(|| rustix::io::read(&self.report, &mut bytes))
            .map_err(|errno| SysError::Call { call: "read", source: errno.into() })?;
        Ok(if length == REPORT_BYTES { Report::decode(bytes) } else { None })
    }

    /// Kills the first process and with it everything in its pid namespace.
    pub(crate) fn kill(&self) -> Result<(), SysError> {
        self.signal(libc::SIGKILL)
    }

    /// Sends a signal to the first process; that it is gone already is no error.
    pub(crate) fn signal(&self, number: i32) -> Result<(), SysError> {
        let Some(signal) = Signal::from_named_raw(number) else { return Ok(()) };
        match pidfd_send_signal(&self.pidfd, signal) {
            Ok(()) | Err(Errno::SRCH) => Ok(()),
            Err(errno) => Err(SysError::Call { call: "pidfd_send_signal", source: errno.into() }),
        }
    }

    /// Waits until all of the sandbox is gone; the status is that of its first process.
    pub(crate) fn wait(&mut self) -> Result<Option<WaitIdStatus>, SysError> {
        // The clone asked for no signal, and only `__WALL` waits for such a child.
        let options = WaitIdOptions::EXITED | WaitIdOptions::from_bits_retain(libc::__WALL.cast_unsigned());
        let status = rustix::io::retry_on_intr(|| {
            rustix::process::waitid(rustix::process::WaitId::PidFd(self.pidfd.as_fd()), options)
        })
        .map_err(|errno| SysError::Call { call: "waitid", source: errno.into() })?;
        self.collected = true;
        Ok(status)
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        if !self.collected && self.kill().is_ok() {
            // Only an unwinding or a failed read comes here; there is nobody to tell about a second failure.
            let _ = self.wait();
        }
    }
}

/// Forks a helper that runs a closure and ends with its result as exit code; for a process with one thread.
///
/// # Errors
/// [`SysError::Call`].
pub(crate) fn fork_helper(helper: impl FnOnce() -> u8) -> Result<HelperProcess, SysError> {
    // SAFETY: the caller has made sure that there is one thread, so the child may use everything.
    match unsafe { libc::fork() } {
        0 => {
            let code = std::panic::catch_unwind(std::panic::AssertUnwindSafe(helper)).unwrap_or(u8::MAX);
            // SAFETY: ends the helper without running the parent's exit handlers.
            unsafe { libc::_exit(i32::from(code)) }
        }
        pid => match rustix::process::Pid::from_raw(pid) {
            Some(pid) if !pid.is_init() => Ok(HelperProcess { pid }),
            _ => Err(SysError::Call { call: "fork", source: io::Error::last_os_error() }),
        },
    }
}

/// A forked helper.
#[derive(Debug)]
pub(crate) struct HelperProcess {
    pid: rustix::process::Pid,
}

impl HelperProcess {
    /// Waits for its end; returns the exit code, or nothing when a signal ended it.
    pub(crate) fn wait(self) -> Result<Option<i32>, SysError> {
        let status = rustix::io::retry_on_intr(|| {
            rustix::process::waitpid(Some(self.pid), rustix::process::WaitOptions::empty())
        })
        .map_err(|errno| SysError::Call { call: "waitpid", source: errno.into() })?;
        Ok(status.and_then(|(_, status)| status.exit_status()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_but_the_kept_descriptors_is_closed() {
        assert_eq!(ranges_without(&[-1]), [(3, u32::MAX)]);
        assert_eq!(ranges_without(&[9, 3, 4, -1, 6, 4]), [(5, 5), (7, 8), (10, u32::MAX)]);
        assert_eq!(ranges_without(&[0, 2]), [(3, u32::MAX)]);
    }

    #[test]
    fn the_command_line_is_found() {
        let (_, length) = command_line().unwrap();
        assert_eq!(length, std::fs::read("/proc/self/cmdline").unwrap().len());
    }
}
