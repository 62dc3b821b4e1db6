//! The parent's side of a run: facts, plan, preparation, clone, and the verdict.

use std::os::fd::{AsFd, BorrowedFd};
use std::sync::OnceLock;

use rustix::io::Errno;
use rustix::process::WaitIdStatus;

use super::control_group::ControlGroup;
use super::oom::OomCounter;
use super::output;
use super::setup_plan::{self, HostFacts, STDERR, STDIN, STDOUT, SetupPlan};
use super::stdio::{Ends, Stdio};
use super::{SandboxError, SandboxNetwork, SandboxSpec, Ulimit, isolation, mount_failure, mounts};
use crate::cancel::CancelToken;
use crate::event::LogStream;
use crate::sys::SysError;
use crate::sys::process::{self, Launch, NetworkNamespace};
use crate::sys::report::{ExecDetail, Report};
use crate::sys::setup_op::{SetupOp, Slot};

/// How a process ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Exit {
    /// With an exit code.
    Code(i32),
    /// By a signal.
    Signal(i32),
    /// The kernel killed it, or something in it, for want of memory.
    OutOfMemory,
}

/// Runs the process and waits until it and all it started are gone. The output is passed on while it runs, from
/// the calling thread.
///
/// # Errors
/// [`SandboxError::Cancelled`] at once when cancelled, with everything inside dead; else what could not be set up
/// or started. A program that fails is no error but an [`Exit`].
pub fn run(
    spec: &SandboxSpec,
    output: &(dyn Fn(LogStream, &[u8]) + Sync),
    cancel: &CancelToken,
) -> Result<Exit, SandboxError> {
    cancel.check()?;
    let group = ControlGroup::make(&spec.resources)?;
    let groups = group.as_ref().map(ControlGroup::procs).unwrap_or_default();
    let plan = setup_plan::plan(spec, host_facts(), groups.len())?;
    let prepared = mounts::prepare(&plan.preparations)?;
    let ends = Ends::make(&spec.stdio)?;
    let Some([stdin, stdout, stderr]) = ends.streams() else { return Err(SandboxError::NoProgram) };
    let memory = OomCounter::start(group.as_ref().and_then(ControlGroup::memory_events));

    let terminals = match &spec.stdio {
        Stdio::Terminal(terminal) => Some((setup_plan::PTS, terminal.filesystem.as_fd())),
        _ => None,
    };
    let slots: Vec<(Slot, BorrowedFd<'_>)> =
        [(setup_plan::ROOT, spec.root.as_fd()), (STDIN, stdin), (STDOUT, stdout), (STDERR, stderr)]
            .into_iter()
            .chain(terminals)
            .chain(prepared.iter().map(|(slot, fd)| (*slot, fd.as_fd())))
            .chain((setup_plan::FIRST_GROUP.0..).zip(groups).map(|(slot, fd)| (Slot(slot), fd.as_fd())))
            .chain(
                (setup_plan::FIRST_MOUNT.0..=u8::MAX)
                    .zip(&spec.mounts)
                    .map(|(slot, mount)| (Slot(slot), mount.tree.as_fd())),
            )
            .collect();
    let network = match spec.network {
        SandboxNetwork::Host => NetworkNamespace::Inherited,
        SandboxNetwork::None => NetworkNamespace::New,
    };
    let launch =
        Launch { network, init: &plan.init, command: &plan.command, slots: &slots, forward: spec.signals.is_some() };
    let mut child = process::spawn(&launch)?;
    drop(slots);
    drop(prepared);
    let outputs = ends.started();

    let report = output::follow(&child, &outputs, spec.signals.as_ref(), output, cancel);
    let status = child.wait();
    let out_of_memory = || memory.as_ref().is_some_and(OomCounter::has_risen);
    match report? {
        Some(Report::Ended { status }) => Ok(verdict(status, out_of_memory)),
        Some(report) => Err(failure(spec, &plan, report)),
        // The first process never leaves without a word: it was killed.
        None => match status?.as_ref().and_then(WaitIdStatus::terminating_signal) {
            Some(signal) if signal == libc::SIGKILL && out_of_memory() => Ok(Exit::OutOfMemory),
            Some(signal) => Ok(Exit::Signal(signal)),
            None => Err(SysError::Call { call: "waitid", source: Errno::CHILD.into() }.into()),
        },
    }
}

/// Facts of the machine and of this process, which do not change while it runs steps.
fn host_facts() -> HostFacts {
    static FACTS: OnceLock<HostFacts> = OnceLock::new();
    *FACTS.get_or_init(look_at_host)
}

fn look_at_host() -> HostFacts {
    let filesystems = std::fs::read_to_string("/proc/filesystems").unwrap_or_default();
    HostFacts {
        initial_user_namespace: isolation::in_initial_user_namespace(),
        own_nodes: mounts::can_make_nodes(),
        mqueue: filesystems.lines().any(|line| line.split_ascii_whitespace().next_back() == Some("mqueue")),
        capabilities: capabilities(),
        cgroup2: rustix::fs::statfs("/sys/fs/cgroup").is_ok_and(|stat| stat.f_type == libc::CGROUP2_SUPER_MAGIC),
    }
}

/// The permitted capabilities of this process.
fn capabilities() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let permitted = status.lines().find_map(|line| line.strip_prefix("CapPrm:"));
    permitted.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or_default()
}

/// Turns a wait status into an exit. A shell whose command was killed answers 137 by itself.
fn verdict(status: i32, out_of_memory: impl Fn() -> bool) -> Exit {
    let exit = if libc::WIFSIGNALED(status) {
        Exit::Signal(libc::WTERMSIG(status))
    } else {
        Exit::Code(libc::WEXITSTATUS(status))
    };
    let killed = matches!(exit, Exit::Signal(libc::SIGKILL) | Exit::Code(137));
    if killed && out_of_memory() { Exit::OutOfMemory } else { exit }
}

/// Gives the numbers of the child their meaning.
fn failure(spec: &SandboxSpec, plan: &SetupPlan, report: Report) -> SandboxError {
    let (list, errno, index, detail) = match report {
        Report::SetupFailed { errno, index } => (&plan.init, errno, index, ExecDetail::None),
        Report::CommandFailed { errno, index, detail } => (&plan.command, errno, index, detail),
        Report::Ended { .. } => return SandboxError::NoProgram,
    };
    let operation = usize::try_from(index).ok().and_then(|index| list.get(index));
    let source = std::io::Error::from_raw_os_error(errno);
    match operation {
        Some(SetupOp::Execute { .. }) => exec_failure(spec, errno, detail, source),
        Some(SetupOp::Uid(_)) if errno == libc::EINVAL => {
            SandboxError::IdNotMapped { kind: "user", id: spec.identity.uid }
        }
        Some(SetupOp::Gid(_)) if errno == libc::EINVAL => {
            SandboxError::IdNotMapped { kind: "group", id: spec.identity.gid }
        }
        Some(operation) => mount_failure::explain(&spec.mounts, operation, errno)
            .unwrap_or_else(|| SandboxError::Setup { step: describe(operation), source }),
        None => SandboxError::Setup { step: "start its first process".to_owned(), source },
    }
}

fn exec_failure(spec: &SandboxSpec, errno: i32, detail: ExecDetail, source: std::io::Error) -> SandboxError {
    let program = spec.args.first().cloned().unwrap_or_default();
    match errno {
        libc::ENOENT | libc::ENOTDIR if detail == ExecDetail::InterpreterMissing => {
            SandboxError::InterpreterNotFound { program }
        }
        libc::ENOENT | libc::ENOTDIR => {
            let searched = !program.contains('/');
            SandboxError::ProgramNotFound { program, searched }
        }
        libc::EACCES => SandboxError::ProgramNotExecutable { program },
        libc::ENOEXEC => SandboxError::ExecFormat { program },
        // Links without end, a name or arguments that are too long, a file that is being written, a broken
        // interpreter: all of them about the program, none about this machine.
        libc::ELOOP
        | libc::ENAMETOOLONG
        | libc::E2BIG
        | libc::ETXTBSY
        | libc::EINVAL
        | libc::EISDIR
        | libc::ELIBBAD => SandboxError::CannotExecute { program, source },
        _ => SandboxError::Setup { step: format!("execute `{program}`"), source },
    }
}

fn describe(operation: &SetupOp) -> String {
    let text = |path: &std::ffi::CString| path.to_string_lossy().into_owned();
    match operation {
        SetupOp::NewMount { filesystem, .. } => format!("mount a file system of type `{}`", text(filesystem)),
        SetupOp::PivotRoot { .. } => "change the root".to_owned(),
        SetupOp::Attach { target, .. } => format!("mount at `{}`", text(target)),
        SetupOp::CloneReadOnly { path, .. } | SetupOp::Clone { path, .. } => format!("clone `{}`", text(path)),
        SetupOp::Mask { target } => format!("mask `{}`", text(target)),
        SetupOp::ReadOnly { target } => format!("make `{}` read-only", text(target)),
        SetupOp::CreateDirectory { path, .. } => format!("create directory `{}`", text(path)),
        SetupOp::CreateFile { path } => format!("create file `{}`", text(path)),
        SetupOp::JoinControlGroup { .. } => "join the control group".to_owned(),
        SetupOp::ResourceLimit(limit) => {
            let limit = Ulimit { resource: limit.resource, soft: limit.soft, hard: limit.hard };
            let shown = |value: u64| if value == u64::MAX { "-1".to_owned() } else { value.to_string() };
            let (soft, hard) = (shown(limit.soft), shown(limit.hard));
            let why =
                if limit.name() == "nofile" { "; /proc/sys/fs/nr_open is the most that there can be" } else { "" };
            format!("set the limit `{}={soft}:{hard}`{why}", limit.name())
        }
        SetupOp::ChangeDirectory { path } => format!("change to directory `{}`", text(path)),
        SetupOp::Hostname(name) => format!("set the host name `{}`", text(name)),
        SetupOp::Seccomp { .. } => "install the filter of system calls".to_owned(),
        other => format!("{other:?}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kill_without_a_count_is_a_kill() {
        assert_eq!(verdict(9, || false), Exit::Signal(9));
        assert_eq!(verdict(9, || true), Exit::OutOfMemory);
        assert_eq!(verdict(137 << 8, || true), Exit::OutOfMemory);
        assert_eq!(verdict(11, || true), Exit::Signal(11));
        assert_eq!(verdict(3 << 8, || true), Exit::Code(3));
    }
}
