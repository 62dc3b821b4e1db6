//! What happens in the child after the clone: no allocation, no lock, no log, no unwinding.
//!
//! The child is a copy of one thread of a process that may have many. Another thread may have held the lock of
//! the allocator at the moment of the clone, so everything here works on memory that was ready before.

use std::ffi::CStr;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, IntoRawFd, OwnedFd, RawFd};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::{AtFlags, CWD, Mode, OFlags};
use rustix::io::{Errno, Result};
use rustix::mount::{
    FsMountFlags, FsOpenFlags, MountAttrFlags, MountFlags, MountPropagationFlags, MoveMountFlags, OpenTreeFlags,
    UnmountFlags, fsconfig_create, fsconfig_set_string, fsmount, fsopen, mount, mount_change, move_mount, open_tree,
    unmount,
};
use rustix::process::{DumpableBehavior, Signal, WaitOptions};

use super::mount::{Depth, set_clone_attributes, set_read_only};
use super::report::{ExecDetail, Report};
use super::setup_op::{MAX_SLOTS, MountAttributes, ResourceLimit, SetupOp, Slot};
use super::{credentials, namespace, seccomp};

/// Everything that the child needs, ready before the clone.
pub(super) struct Order<'a> {
    /// The set-up of the sandbox, carried out by its first process.
    pub(super) init: &'a [SetupOp],
    /// The set-up of the command's process; the last operation becomes the program.
    pub(super) command: &'a [SetupOp],
    /// The descriptors by slot, or -1.
    pub(super) slots: [RawFd; MAX_SLOTS],
    /// The ranges of descriptors that the child does not need.
    pub(super) close: &'a [(u32, u32)],
    /// Where the child reports.
    pub(super) report: RawFd,
    /// A pipe whose other end only the builder holds: it hangs up when the builder is gone.
    pub(super) alive: RawFd,
    /// Whether the first process passes signals on to the command.
    pub(super) forward: bool,
    /// Where the kernel finds this process's command line, which is none of the sandbox's business.
    pub(super) command_line: Option<(usize, usize)>,
}

/// Carries the order out as the first process of the new namespaces.
///
/// It stays to watch the builder, and the command is a child of its own. Where no signals are passed on, that child is
/// the first process of yet another process namespace, which is what a RUN has with docker: it is number 1, nobody is
/// above it, and with it everything ends. Whatever becomes of this process takes the inner namespace along.
pub(super) fn run(mut order: Order<'_>) -> ! {
    if let Err(errno) = tie_to_builder(&order) {
        leave(order.report, Some(Report::SetupFailed { errno: errno.raw_os_error(), index: u32::MAX }));
    }
    // Where there can be no more namespaces, the command is number 2 and runs all the same.
    let is_alone = !order.forward && namespace::own_process_numbers().is_ok();
    if !is_alone {
        set_up(&mut order);
    }
    let Ok(signals) = watch_signals(order.forward) else { leave(order.report, None) };
    // SAFETY: like `fork`: no memory is shared, and this process has one thread.
    let answer = unsafe { libc::syscall(libc::SYS_clone, libc::SIGCHLD, 0, 0, 0, 0) };
    match answer {
        0 => {
            if is_alone {
                set_up(&mut order);
            }
            run_command(&mut order)
        }
        main if main > 0 => {
            close_slots(&mut order.slots);
            reap(&order, signals, main)
        }
        _ => {
            let errno = last_errno().raw_os_error();
            leave(order.report, Some(Report::CommandFailed { errno, index: 0, detail: ExecDetail::None }))
        }
    }
}

/// Carries out the set-up of the sandbox.
fn set_up(order: &mut Order<'_>) {
    for (index, operation) in (0_u32..).zip(order.init) {
        if let Err(errno) = carry_out(operation, &mut order.slots) {
            leave(order.report, Some(Report::SetupFailed { errno: errno.raw_os_error(), index }));
        }
    }
}

/// Ties this process to the builder, and closes what it must not hold.
fn tie_to_builder(order: &Order<'_>) -> Result<()> {
    // Dies with the thread that made it; the pipe covers the time before this line and all later doubts.
    rustix::process::set_parent_process_death_signal(Some(Signal::KILL))?;
    // Copies of other sandboxes' pipes would keep them open, and that of our own pipe would hide the hang-up.
    for (first, last) in order.close {
        // SAFETY: the descriptors in the range are not used by this process any more.
        let answer = unsafe { libc::syscall(libc::SYS_close_range, *first, *last, 0) };
        if answer != 0 {
            return Err(last_errno());
        }
    }
    if builder_is_gone(order.alive, None) {
        return Err(Errno::CANCELED);
    }
    // The memory of this process is a copy of the builder's: nobody in the sandbox may look into it.
    rustix::process::set_dumpable_behavior(DumpableBehavior::NotDumpable)?;
    rustix::thread::set_name(c"init")?;
    if let Some((start, length)) = order.command_line {
        let start = std::ptr::with_exposed_provenance_mut::<u8>(start);
        // SAFETY: the kernel says that these bytes of the stack are the arguments; they belong to this copy of
        // the address space, and nothing reads them any more.
        unsafe { std::ptr::write_bytes(start, 0, length) };
    }
    Ok(())
}

/// Waits (for ever, or not at all) until the builder is gone or a child has ended; tells if it is gone.
fn builder_is_gone(alive: RawFd, signals: Option<BorrowedFd<'_>>) -> bool {
    let alive = borrow(alive);
    let no_wait = rustix::event::Timespec { tv_sec: 0, tv_nsec: 0 };
    let mut fds = [
        PollFd::from_borrowed_fd(alive, PollFlags::IN),
        PollFd::from_borrowed_fd(signals.unwrap_or(alive), PollFlags::IN),
    ];
    // An interrupted wait is like a short one: the caller looks again.
    let answer = poll(&mut fds, if signals.is_some() { None } else { Some(&no_wait) });
    let [alive, _] = &fds;
    answer.is_ok() && !alive.revents().is_empty()
}

/// Returns a descriptor that becomes readable when a child has ended and, where signals are passed on, when there is
/// one. They are blocked, and so none of them is lost: not even those that a first process is otherwise spared.
fn watch_signals(all: bool) -> Result<OwnedFd> {
    default_action(libc::SIGCHLD)?;
    let mut set = std::mem::MaybeUninit::<libc::sigset_t>::uninit();
    // SAFETY: the call initializes the set that it is given.
    unsafe { libc::sigemptyset(set.as_mut_ptr()) };
    // SAFETY: the set has been initialized.
    unsafe { libc::sigaddset(set.as_mut_ptr(), libc::SIGCHLD) };
    if all {
        // SAFETY: the call initializes the set that it is given.
        unsafe { libc::sigfillset(set.as_mut_ptr()) };
    }
    // SAFETY: the set is read only; all signals have been blocked since before the clone.
    let fd = unsafe { libc::signalfd(-1, set.as_ptr(), libc::SFD_CLOEXEC | libc::SFD_NONBLOCK) };
    if fd < 0 {
        return Err(last_errno());
    }
    // SAFETY: the kernel has just made this descriptor, and nobody else knows it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Collects ended processes until the main one ends; the kernel kills the rest when this process leaves.
fn reap(order: &Order<'_>, signals: OwnedFd, main: libc::c_long) -> ! {
    // Without destructors: the process ends by `_exit`.
    let signals = borrow(signals.into_raw_fd());
    let mut drained = [0_u8; size_of::<libc::signalfd_siginfo>()];
    loop {
        while let Ok(Some((pid, status))) = rustix::process::wait(WaitOptions::NOHANG) {
            if libc::c_long::from(pid.as_raw_nonzero().get()) == main {
                leave(order.report, Some(Report::Ended { status: status.as_raw() }));
            }
        }
        if builder_is_gone(order.alive, Some(signals)) {
            leave(order.report, None);
        }
        // An empty signalfd answers EAGAIN, which is as good.
        while rustix::io::read(signals, &mut drained).is_ok_and(|count| count == drained.len()) {
            // The number is the first field of `struct signalfd_siginfo`.
            let [first, second, third, fourth, ..] = drained;
            let number = u32::from_ne_bytes([first, second, third, fourth]).cast_signed();
            if order.forward && number != libc::SIGCHLD {
                // SAFETY: sends a signal to a child that has not been collected; its number is its own still.
                unsafe { libc::syscall(libc::SYS_kill, main, number) };
            }
        }
    }
}

/// Becomes the command.
fn run_command(order: &mut Order<'_>) -> ! {
    let mut failure = Report::CommandFailed { errno: libc::ENOEXEC, index: u32::MAX, detail: ExecDetail::None };
    for (index, operation) in (0_u32..).zip(order.command) {
        if let SetupOp::Execute { .. } = operation {
            let (errno, detail) = execute(operation);
            failure = Report::CommandFailed { errno: errno.raw_os_error(), index, detail };
        } else if let Err(errno) = carry_out(operation, &mut order.slots) {
            failure = Report::CommandFailed { errno: errno.raw_os_error(), index, detail: ExecDetail::None };
        } else {
            continue;
        }
        break;
    }
    leave(order.report, Some(failure))
}

fn execute(operation: &SetupOp) -> (Errno, ExecDetail) {
    let SetupOp::Execute { candidates, arguments, environment } = operation else {
        return (Errno::INVAL, ExecDetail::None);
    };
    if let Err(errno) = default_signals() {
        return (errno, ExecDetail::None);
    }
    let mut failure = (Errno::NOENT, ExecDetail::None);
    for candidate in candidates {
        // SAFETY: path, arguments and environment are C strings and null-ended arrays that outlive the call.
        unsafe { libc::execve(candidate.as_ptr(), arguments.as_ptr(), environment.as_ptr()) };
        match last_errno() {
            errno @ (Errno::NOENT | Errno::NOTDIR) => {
                let exists =
                    rustix::fs::accessat(CWD, candidate.as_c_str(), rustix::fs::Access::EXISTS, AtFlags::empty());
                if exists.is_ok() {
                    return (errno, ExecDetail::InterpreterMissing);
                }
            }
            // Another directory of the search path may have one that can be run.
            Errno::ACCESS => failure = (Errno::ACCESS, ExecDetail::None),
            errno => return (errno, ExecDetail::None),
        }
    }
    failure
}

/// Gives the program the default action for every signal, and none blocked.
fn default_signals() -> Result<()> {
    for number in 1..=LAST_SIGNAL {
        // The action of these two cannot be changed.
        if number != libc::SIGKILL && number != libc::SIGSTOP {
            default_action(number)?;
        }
    }
    let mut none = std::mem::MaybeUninit::<libc::sigset_t>::uninit();
    // SAFETY: the call initializes the set that it is given.
    unsafe { libc::sigemptyset(none.as_mut_ptr()) };
    // SAFETY: the set has been initialized and is read only.
    let answer = unsafe { libc::sigprocmask(libc::SIG_SETMASK, none.as_ptr(), std::ptr::null_mut()) };
    if answer == 0 { Ok(()) } else { Err(last_errno()) }
}

/// The last signal of the kernel on all architectures but MIPS.
const LAST_SIGNAL: i32 = 64;

/// By the raw call: the C library does not let go of the two signals that it uses itself, and a program started
/// with one of them ignored would hang when its threads change users.
fn default_action(signal: i32) -> Result<()> {
    // The kernel's `sigaction`: handler, flags, restorer, mask; all zero is the default action.
    let action = [0_u64; 4];
    let none = std::ptr::null_mut::<u64>();
    // SAFETY: the kernel reads the action, which lives across the call, and the default runs no code of ours.
    let answer = unsafe { libc::syscall(libc::SYS_rt_sigaction, signal, action.as_ptr(), none, size_of::<u64>()) };
    if answer == 0 { Ok(()) } else { Err(last_errno()) }
}

fn carry_out(operation: &SetupOp, slots: &mut [RawFd; MAX_SLOTS]) -> Result<()> {
    match operation {
        SetupOp::PrivateMounts => mount_change(c"/", MountPropagationFlags::REC | MountPropagationFlags::PRIVATE),
        SetupOp::NewMount { slot, filesystem, options, attributes } => {
            let context = fsopen(filesystem.as_c_str(), FsOpenFlags::FSOPEN_CLOEXEC)?;
            for (key, value) in options {
                fsconfig_set_string(&context, key.as_c_str(), value.as_c_str())?;
            }
            fsconfig_create(&context)?;
            let made = fsmount(&context, FsMountFlags::FSMOUNT_CLOEXEC, attribute_flags(*attributes))?;
            fill(slots, *slot, made)
        }
        SetupOp::PivotRoot { slot } => pivot(get(slots, *slot)?),
        SetupOp::DetachOldRoot => {
            unmount(c".", UnmountFlags::DETACH)?;
            rustix::process::chdir(c"/")
        }
        SetupOp::Attach { slot, target } => {
            attach(get(slots, *slot)?, target)?;
            close(slots, *slot)
        }
        SetupOp::CloneReadOnly { path, slot } => {
            let flags = OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC;
            let clone = open_tree(CWD, path.as_c_str(), flags)?;
            set_read_only(clone.as_fd(), Depth::Single)?;
            fill(slots, *slot, clone)
        }
        SetupOp::Clone { path, slot, attributes } => {
            let flags =
                OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC | OpenTreeFlags::AT_SYMLINK_NOFOLLOW;
            let clone = open_tree(CWD, path.as_c_str(), flags)?;
            set_clone_attributes(clone.as_fd(), *attributes)?;
            fill(slots, *slot, clone)
        }
        SetupOp::Detach { target } => unmount(target.as_c_str(), UnmountFlags::DETACH),
        SetupOp::Mask { target } => unless_absent(mask(target)),
        SetupOp::ReadOnly { target } => unless_absent(read_only(target)),
        SetupOp::Hostname(name) => rustix::system::sethostname(name.to_bytes()),
        SetupOp::LoopbackUp => namespace::loopback_up(),
        SetupOp::Umask(mask) => {
            rustix::process::umask(Mode::from_raw_mode(*mask));
            Ok(())
        }
        SetupOp::CreateDirectory { path, uid, gid } => {
            match rustix::fs::mkdirat(CWD, path.as_c_str(), Mode::from_raw_mode(0o755)) {
                Ok(()) => rustix::fs::chownat(CWD, path.as_c_str(), Some(*uid), Some(*gid), AtFlags::empty()),
                Err(Errno::EXIST) => Ok(()),
                Err(errno) => Err(errno),
            }
        }
        SetupOp::CreateFile { path } => {
            let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
            match rustix::fs::openat(CWD, path.as_c_str(), flags, Mode::from_raw_mode(0o644)) {
                Ok(_) | Err(Errno::EXIST) => Ok(()),
                Err(errno) => Err(errno),
            }
        }
        SetupOp::JoinControlGroup { slot } => {
            // Zero stands for the process that writes.
            rustix::io::write(get(slots, *slot)?, b"0")?;
            close(slots, *slot)
        }
        SetupOp::ResourceLimit(limit) => set_limit(*limit),
        SetupOp::ChangeDirectory { path } => rustix::process::chdir(path.as_c_str()),
        SetupOp::NewSession => rustix::process::setsid().map(drop),
        SetupOp::ControllingTerminal => rustix::process::ioctl_tiocsctty(borrow(0)),
        SetupOp::StandardStream { slot, number } => duplicate(get(slots, *slot)?, *number),
        SetupOp::Seccomp { filters } => filters.iter().try_for_each(seccomp::install),
        SetupOp::KeepBounding(mask) => credentials::keep_bounding(*mask),
        SetupOp::Groups(groups) => credentials::set_groups(groups),
        SetupOp::Gid(gid) => credentials::set_gid(*gid),
        SetupOp::Uid(uid) => credentials::set_uid(*uid),
        SetupOp::Capabilities(mask) => credentials::set_capabilities(*mask),
        SetupOp::Execute { .. } => Err(Errno::INVAL),
    }
}

fn attribute_flags(attributes: MountAttributes) -> MountAttrFlags {
    let mut flags = MountAttrFlags::MOUNT_ATTR_NOSUID;
    flags.set(MountAttrFlags::MOUNT_ATTR_RDONLY, attributes.read_only);
    flags.set(MountAttrFlags::MOUNT_ATTR_NOEXEC, attributes.no_exec);
    flags.set(MountAttrFlags::MOUNT_ATTR_NODEV, attributes.no_dev);
    flags
}

/// The way of `pivot_root(2)` that needs no directory for the old root: it ends up on top of the new one.
fn pivot(root: BorrowedFd<'_>) -> Result<()> {
    attach(root, c"/")?;
    rustix::process::fchdir(root)?;
    rustix::process::pivot_root(c".", c".")
}

fn attach(tree: BorrowedFd<'_>, target: &CStr) -> Result<()> {
    let flags = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH
        | MoveMountFlags::MOVE_MOUNT_T_SYMLINKS
        | MoveMountFlags::MOVE_MOUNT_T_AUTOMOUNTS;
    move_mount(tree, c"", CWD, target, flags)
}

/// Hides a path. `/dev` stands already, so its own null is at hand.
fn mask(target: &CStr) -> Result<()> {
    let bind = mount(c"/dev/null", target, c"", MountFlags::BIND, None::<&CStr>);
    if bind != Err(Errno::NOTDIR) {
        return bind;
    }
    let flags = MountFlags::RDONLY | MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC;
    mount(c"tmpfs", target, c"tmpfs", flags, c"size=0k,nr_inodes=2")
}

fn read_only(target: &CStr) -> Result<()> {
    let flags = OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC | OpenTreeFlags::AT_RECURSIVE;
    let clone = open_tree(CWD, target, flags)?;
    set_read_only(clone.as_fd(), Depth::Recursive)?;
    attach(clone.as_fd(), target)
}

/// What is masked differs from kernel to kernel: only absence is fine.
fn unless_absent(result: Result<()>) -> Result<()> {
    if result == Err(Errno::NOENT) { Ok(()) } else { result }
}

fn set_limit(limit: ResourceLimit) -> Result<()> {
    let value = libc::rlimit64 { rlim_cur: limit.soft, rlim_max: limit.hard };
    let none = std::ptr::null_mut::<libc::rlimit64>();
    // SAFETY: the kernel reads the limit, which lives across the call, and writes nothing.
    let answer = unsafe { libc::syscall(libc::SYS_prlimit64, 0, limit.resource, &raw const value, none) };
    if answer == 0 { Ok(()) } else { Err(last_errno()) }
}

fn duplicate(from: BorrowedFd<'_>, number: i32) -> Result<()> {
    // SAFETY: the number is that of a standard stream, which nothing in this process uses as anything else.
    let answer = unsafe { libc::dup2(from.as_raw_fd(), number) };
    if answer < 0 { Err(last_errno()) } else { Ok(()) }
}

fn get(slots: &[RawFd; MAX_SLOTS], slot: Slot) -> Result<BorrowedFd<'static>> {
    match slots.get(usize::from(slot.0)) {
        Some(fd) if *fd >= 0 => Ok(borrow(*fd)),
        _ => Err(Errno::BADF),
    }
}

fn fill(slots: &mut [RawFd; MAX_SLOTS], slot: Slot, fd: OwnedFd) -> Result<()> {
    let place = slots.get_mut(usize::from(slot.0)).ok_or(Errno::BADF)?;
    *place = fd.into_raw_fd();
    Ok(())
}

fn close(slots: &mut [RawFd; MAX_SLOTS], slot: Slot) -> Result<()> {
    let place = slots.get_mut(usize::from(slot.0)).ok_or(Errno::BADF)?;
    let fd = std::mem::replace(place, -1);
    if fd >= 0 {
        // SAFETY: the slot held the only use of this number in the child.
        unsafe { libc::close(fd) };
    }
    Ok(())
}

/// Closes what only the command needs: its pipes must end with it.
fn close_slots(slots: &mut [RawFd; MAX_SLOTS]) {
    for fd in slots.iter_mut().filter(|fd| **fd >= 0) {
        // SAFETY: the slot held the only use of this number in this process.
        unsafe { libc::close(*fd) };
        *fd = -1;
    }
}

fn borrow(fd: RawFd) -> BorrowedFd<'static> {
    // SAFETY: numbers come from slots and pipes that stay open in the child until it closes them itself.
    unsafe { BorrowedFd::borrow_raw(fd) }
}

fn last_errno() -> Errno {
    // SAFETY: the location of this thread's error number is always valid.
    let location = unsafe { libc::__errno_location() };
    // SAFETY: as above; it is read right after the failed call.
    Errno::from_raw_os_error(unsafe { *location })
}

/// Reports, where there is something to report, and ends the process without running anything else.
fn leave(report: RawFd, message: Option<Report>) -> ! {
    if let Some(message) = message {
        // A builder that is gone reads nothing; the process leaves either way.
        let _ = rustix::io::write(borrow(report), &message.encode());
    }
    // SAFETY: ends this process; no destructor or handler of the builder's runs.
    unsafe { libc::_exit(1) }
}
