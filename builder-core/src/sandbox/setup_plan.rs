//! Turns a specification into what the parent prepares and the child carries out: pure data, tested without
//! privileges. Every place in the order has its reason.

use std::ffi::CString;

use rustix::fs::{Gid, Uid};

use super::mounts::{Entry, EntryContent, Preparation};
use super::stdio::Stdio;
use super::stubs::StubKind;
use super::{SandboxError, SandboxNetwork, SandboxSpec, seccomp_profile, step_mounts};
use crate::secret::Secret;
use crate::sys::mount::DEVPTS_OPTIONS;
use crate::sys::setup_op::{CStringArray, CapabilityMask, MountAttributes, ResourceLimit, SetupOp, Slot};

/// The root filesystem.
pub(super) const ROOT: Slot = Slot(0);
/// Standard input.
pub(super) const STDIN: Slot = Slot(1);
/// Standard output.
pub(super) const STDOUT: Slot = Slot(2);
/// Standard error.
pub(super) const STDERR: Slot = Slot(3);
const DEV: Slot = Slot(4);
const FILES: Slot = Slot(5);
const SYS: Slot = Slot(6);
const PROC: Slot = Slot(7);
/// The terminals; the parent's, where the process has one.
pub(super) const PTS: Slot = Slot(8);
const MQUEUE: Slot = Slot(9);
const SHM: Slot = Slot(10);
const CGROUP: Slot = Slot(11);
const ONE_FILE: Slot = Slot(12);
const FIRST_NODE: u8 = 13;
/// The control groups; one a hierarchy.
pub(super) const FIRST_GROUP: Slot = Slot(19);
/// Where the mounts of the step begin.
pub(super) const FIRST_MOUNT: Slot = Slot(24);

/// Major and minor numbers of the devices below, in their order (kernel documentation `admin-guide/devices`).
pub(super) const NODE_NUMBERS: [(u32, u32); 6] = [(1, 3), (1, 5), (1, 7), (1, 8), (1, 9), (5, 0)];

/// The devices that every process may expect: name, place on the host, place in the sandbox. A user namespace cannot
/// make any, and gets the host's own nodes.
const NODES: [(&str, &str, &str); 6] = [
    ("null", "/dev/null", "/dev/null"),
    ("zero", "/dev/zero", "/dev/zero"),
    ("full", "/dev/full", "/dev/full"),
    ("random", "/dev/random", "/dev/random"),
    ("urandom", "/dev/urandom", "/dev/urandom"),
    ("tty", "/dev/tty", "/dev/tty"),
];

const DEV_LINKS: [(&str, &str); 5] = [
    ("fd", "/proc/self/fd"),
    ("stdin", "/proc/self/fd/0"),
    ("stdout", "/proc/self/fd/1"),
    ("stderr", "/proc/self/fd/2"),
    ("ptmx", "pts/ptmx"),
];

/// Docker's list.
const MASKED: [&str; 10] = [
    "/proc/acpi",
    "/proc/asound",
    "/proc/kcore",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/timer_list",
    "/proc/timer_stats",
    "/proc/sched_debug",
    "/proc/scsi",
    "/sys/firmware",
];

const MASKED_POWERCAP: &str = "/sys/devices/virtual/powercap";

/// Docker's list.
const READ_ONLY: [&str; 5] = ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"];

/// Docker's default: `chown`, `dac_override`, `fowner`, `fsetid`, `kill`, `setgid`, `setuid`, `setpcap`,
/// `net_bind_service`, `net_raw`, `sys_chroot`, `mknod`, `audit_write`, `setfcap`.
const CAPABILITIES: CapabilityMask = CapabilityMask(0xa804_25fb);

/// The search path where the environment has none; Docker's.
const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Docker's size of `/dev/shm`.
const SHM_BYTES: u64 = 64 * 1024 * 1024;

/// Docker's size of `/dev`.
pub(super) const DEV_BYTES: u64 = 64 * 1024 * 1024;

/// Room for the mounted files; scripts and lists are far smaller.
const FILES_BYTES: u64 = 64 * 1024 * 1024;

const UMASK: u32 = 0o022;

/// What the plan has to know about this machine.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "independent facts")]
pub(super) struct HostFacts {
    /// Whether this process is in no user namespace of its own.
    pub(super) initial_user_namespace: bool,
    /// Whether this process can make device nodes that work.
    pub(super) own_nodes: bool,
    /// Whether the kernel has POSIX message queues.
    pub(super) mqueue: bool,
    /// Whether `/sys/fs/cgroup` is the unified hierarchy; of the older ones nothing is shown.
    pub(super) cgroup2: bool,
    /// The capabilities of this process.
    pub(super) capabilities: u64,
}

/// What to prepare, then what to carry out.
#[derive(Debug)]
pub(super) struct SetupPlan {
    pub(super) preparations: Vec<(Slot, Preparation)>,
    pub(super) init: Vec<SetupOp>,
    pub(super) command: Vec<SetupOp>,
}

/// Plans the set-up; `groups` is the number of control groups to join.
pub(super) fn plan(spec: &SandboxSpec, host: HostFacts, groups: usize) -> Result<SetupPlan, SandboxError> {
    let files = Files::of(spec, host)?;
    // A new sysfs shows the network namespace that its maker owns; the host's network has the host's sysfs.
    let new_sysfs = host.initial_user_namespace && spec.network == SandboxNetwork::None;

    let mut preparations = Vec::new();
    if !host.own_nodes {
        for (slot, (_, source, _)) in (FIRST_NODE..).zip(NODES) {
            // What is done to a node of the host would be done to the host; in a user namespace it is nobody's.
            let read_only = host.initial_user_namespace;
            preparations.push((Slot(slot), Preparation::HostFile { path: source, read_only }));
        }
    }
    if !new_sysfs {
        let sys = if spec.insecure { Preparation::HostTree("/sys") } else { Preparation::HostTreeReadOnly("/sys") };
        preparations.push((SYS, sys));
    }
    // A user namespace can make no devices: there the usual ones have to do.
    let all_devices = spec.insecure && host.initial_user_namespace;
    let (size_bytes, entries) = (step_mounts::dev_bytes(&spec.mounts).unwrap_or(DEV_BYTES), files.dev);
    preparations.push((
        DEV,
        if all_devices {
            Preparation::Devices { size_bytes, entries }
        } else {
            Preparation::Tmpfs { size_bytes, entries, devices: host.own_nodes }
        },
    ));
    preparations.push((FILES, Preparation::Tmpfs { size_bytes: FILES_BYTES, entries: files.staged, devices: false }));

    // First of all: nothing that follows may reach the host's mounts.
    let mut init = vec![SetupOp::PrivateMounts];
    let groups = (FIRST_GROUP.0..FIRST_MOUNT.0).take(groups);
    init.extend(groups.map(|slot| SetupOp::JoinControlGroup { slot: Slot(slot) }));
    new_mounts(&mut init, spec, host, new_sysfs);
    // From here on every path is one of the sandbox, links included: the host can no longer be named.
    init.push(SetupOp::PivotRoot { slot: ROOT });
    init.push(SetupOp::DetachOldRoot);
    // A clone can only be made of what is attached, so the files stand at `/dev` until the real one comes.
    init.push(SetupOp::Attach { slot: FILES, target: fixed("/dev") });
    for (staged, target) in files.mounted {
        init.push(SetupOp::CloneReadOnly { path: text("path", format!("/dev/{staged}"))?, slot: ONE_FILE });
        init.push(SetupOp::Attach { slot: ONE_FILE, target: text("path", target)? });
    }
    init.push(SetupOp::Detach { target: fixed("/dev") });
    attach_mounts(&mut init, spec, host);
    // After `/dev`, whose null hides files, and after what is to be hidden has been attached.
    if !spec.insecure {
        init.extend(MASKED.iter().chain([&MASKED_POWERCAP]).map(|path| SetupOp::Mask { target: fixed(path) }));
        init.extend(READ_ONLY.iter().map(|path| SetupOp::ReadOnly { target: fixed(path) }));
    }
    if !spec.mounts.is_empty() {
        // For the modes of mount points that are made in other mounts.
        init.push(SetupOp::Umask(UMASK));
        init.extend(step_mounts::operations(&spec.mounts, FIRST_MOUNT, ONE_FILE)?);
    }
    init.push(SetupOp::Hostname(text("host name", spec.hostname.as_str())?));
    if spec.network == SandboxNetwork::None {
        init.push(SetupOp::LoopbackUp);
    }
    Ok(SetupPlan { preparations, init, command: command(spec, host)? })
}

/// File systems that belong to the new namespaces. They are made before the root changes: in a user namespace the
/// kernel gives a proc or sysfs only to one who sees a full one already.
fn new_mounts(init: &mut Vec<SetupOp>, spec: &SandboxSpec, host: HostFacts, new_sysfs: bool) {
    let mut push = |slot, filesystem, options: &[(&str, &str)], read_only, no_dev| {
        init.push(SetupOp::NewMount {
            slot,
            filesystem: fixed(filesystem),
            options: options.iter().map(|(key, value)| (fixed(key), fixed(value))).collect(),
            attributes: MountAttributes { read_only, no_exec: true, no_dev },
        });
    };
    push(PROC, "proc", &[], false, true);
    if new_sysfs {
        push(SYS, "sysfs", &[], !spec.insecure, true);
    }
    if !matches!(spec.stdio, Stdio::Terminal(_)) {
        push(PTS, "devpts", &DEVPTS_OPTIONS, false, false);
    }
    let size = spec.shm_bytes.unwrap_or(SHM_BYTES).to_string();
    if !step_mounts::covers(&spec.mounts, "/dev/shm") {
        push(SHM, "tmpfs", &[("size", &size), ("mode", "1777")], false, true);
    }
    if host.mqueue && !step_mounts::covers(&spec.mounts, "/dev/mqueue") {
        push(MQUEUE, "mqueue", &[], false, true);
    }
    if host.cgroup2 {
        push(CGROUP, "cgroup2", &[], !spec.insecure, true);
    }
}

fn attach_mounts(init: &mut Vec<SetupOp>, spec: &SandboxSpec, host: HostFacts) {
    let mut attach = |slot, target| init.push(SetupOp::Attach { slot, target: fixed(target) });
    attach(PROC, "/proc");
    attach(SYS, "/sys");
    if host.cgroup2 {
        attach(CGROUP, "/sys/fs/cgroup");
    }
    attach(DEV, "/dev");
    if !host.own_nodes {
        for (slot, (_, _, target)) in (FIRST_NODE..).zip(NODES) {
            attach(Slot(slot), target);
        }
    }
    attach(PTS, "/dev/pts");
    // A mount of the step takes the place of these; nothing of them is to stay below it.
    if !step_mounts::covers(&spec.mounts, "/dev/shm") {
        attach(SHM, "/dev/shm");
    }
    if host.mqueue && !step_mounts::covers(&spec.mounts, "/dev/mqueue") {
        attach(MQUEUE, "/dev/mqueue");
    }
}

/// The files of a specification by where they go.
struct Files {
    /// In the tmpfs that becomes `/dev`.
    dev: Vec<Entry>,
    /// In the tmpfs from which they are mounted.
    staged: Vec<Entry>,
    /// (name of the staged file, target).
    mounted: Vec<(String, String)>,
}

impl Files {
    fn of(spec: &SandboxSpec, host: HostFacts) -> Result<Self, SandboxError> {
        let entry = |path: &str, content| Entry { path: path.to_owned(), content };
        let mut dev: Vec<Entry> =
            ["pts", "shm", "mqueue"].map(|name| entry(name, EntryContent::Directory)).into_iter().collect();
        let node = |number| {
            if host.own_nodes {
                EntryContent::Device { number, mode: 0o666 }
            } else {
                // To mount the host's on.
                EntryContent::File { content: Vec::new(), mode: 0o666 }
            }
        };
        dev.extend(NODES.iter().zip(NODE_NUMBERS).map(|((name, _, _), number)| entry(name, node(number))));
        dev.extend(DEV_LINKS.map(|(name, target)| entry(name, EntryContent::Link(target))));
        if matches!(spec.stdio, Stdio::Terminal(_)) {
            // The first terminal of its own file system.
            dev.push(entry("console", EntryContent::Link("pts/0")));
        }

        let mut files = Self { dev, staged: Vec::new(), mounted: Vec::new() };
        for (path, kind) in step_mounts::in_dev(&spec.mounts) {
            files.put_in_dev(
                path,
                match kind {
                    StubKind::Directory => EntryContent::Directory,
                    StubKind::File => EntryContent::File { content: Vec::new(), mode: 0o644 },
                },
            );
        }
        files.stage("/etc/hosts", spec.hosts.as_bytes(), 0o644);
        if let Some(resolv_conf) = &spec.resolv_conf {
            files.stage("/etc/resolv.conf", resolv_conf.as_bytes(), 0o644);
        }
        for file in &spec.files {
            check_target("file", &file.target)?;
            if let Some(path) = file.target.strip_prefix("/dev/") {
                files.put_in_dev(path, EntryContent::File { content: file.content.clone(), mode: file.mode });
            } else {
                files.stage(&file.target, &file.content, file.mode);
            }
        }
        Ok(files)
    }

    fn stage(&mut self, target: &str, content: &[u8], mode: u32) {
        let name = self.staged.len().to_string();
        let content = EntryContent::File { content: content.to_vec(), mode };
        self.staged.push(Entry { path: name.clone(), content });
        self.mounted.push((name, target.to_owned()));
    }

    fn put_in_dev(&mut self, path: &str, content: EntryContent) {
        if self.dev.iter().any(|entry| entry.path == path) {
            return;
        }
        for (end, _) in path.match_indices('/') {
            let parent = path.get(..end).unwrap_or_default();
            if self.dev.iter().all(|entry| entry.path != parent) {
                self.dev.push(Entry { path: parent.to_owned(), content: EntryContent::Directory });
            }
        }
        self.dev.push(Entry { path: path.to_owned(), content });
    }
}

/// Refuses paths that are not absolute and clean, and those that only the kernel fills.
pub(super) fn check_target(what: &'static str, path: &str) -> Result<(), SandboxError> {
    let mut parts = path.split('/');
    let absolute = parts.next() == Some("");
    let first = path.split('/').nth(1).unwrap_or_default();
    if !absolute
        || path.len() < 2
        || matches!(first, "proc" | "sys")
        || parts.any(|part| matches!(part, "" | "." | ".."))
    {
        return Err(SandboxError::InvalidPath { what, path: path.to_owned() });
    }
    Ok(())
}

/// The set-up of the command's own process.
fn command(spec: &SandboxSpec, host: HostFacts) -> Result<Vec<SetupOp>, SandboxError> {
    let (uid, gid) = (Uid::from_raw(spec.identity.uid), Gid::from_raw(spec.identity.gid));
    let mut operations = vec![SetupOp::NewSession];
    for (number, slot) in [STDIN, STDOUT, STDERR].into_iter().enumerate() {
        operations.push(SetupOp::StandardStream { slot, number: i32::try_from(number).unwrap_or_default() });
    }
    if matches!(spec.stdio, Stdio::Terminal(_)) {
        operations.push(SetupOp::ControllingTerminal);
    }
    // Before the working directory is made, so that its mode is the usual one.
    operations.push(SetupOp::Umask(UMASK));
    for path in directories(&spec.cwd)? {
        operations.push(SetupOp::CreateDirectory { path, uid, gid });
    }
    // While still root: the directory may be one that only the way there is closed to the user.
    operations.push(SetupOp::ChangeDirectory { path: text("working directory", spec.cwd.as_str())? });
    // While the right to raise them is still there.
    operations.extend(spec.ulimits.iter().map(|limit| {
        SetupOp::ResourceLimit(ResourceLimit { resource: limit.resource, soft: limit.soft, hard: limit.hard })
    }));
    let capabilities = if spec.insecure { CapabilityMask(host.capabilities) } else { CAPABILITIES };
    if !spec.insecure {
        // Without no_new_privs (which would break sudo) a filter takes CAP_SYS_ADMIN, so it comes before the drop.
        operations.push(SetupOp::Seccomp { filters: seccomp_profile::filters()? });
    }
    // Takes CAP_SETPCAP; what is out of this set cannot come back by any program.
    operations.push(SetupOp::KeepBounding(capabilities));
    // Groups before users: afterwards the right to change them is gone.
    operations.push(SetupOp::Groups(spec.identity.groups.iter().map(|group| Gid::from_raw(*group)).collect()));
    operations.push(SetupOp::Gid(gid));
    operations.push(SetupOp::Uid(uid));
    let own = if spec.identity.uid == 0 { capabilities } else { CapabilityMask(0) };
    operations.push(SetupOp::Capabilities(own));
    operations.push(execute(spec)?);
    Ok(operations)
}

/// Returns the directory and those on the way to it, the outermost first.
fn directories(path: &str) -> Result<Vec<CString>, SandboxError> {
    if !path.starts_with('/') {
        return Err(SandboxError::InvalidPath { what: "working directory", path: path.to_owned() });
    }
    let path = path.trim_end_matches('/');
    let ends = path.match_indices('/').map(|(end, _)| end).skip(1).chain([path.len()]);
    ends.filter(|end| *end > 0).map(|end| text("working directory", path.get(..end).unwrap_or_default())).collect()
}

fn execute(spec: &SandboxSpec) -> Result<SetupOp, SandboxError> {
    let program = spec.args.first().ok_or(SandboxError::NoProgram)?;
    let mut environment: Vec<(&str, &str)> =
        spec.env.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    environment.retain(|(name, _)| spec.secret_env.iter().all(|(secret, _)| secret != name));
    for (name, value) in [("PATH", DEFAULT_PATH), ("HOME", spec.identity.home.as_str())] {
        let known = |other: &str| other == name;
        if !environment.iter().any(|(other, _)| known(other)) && !spec.secret_env.iter().any(|(other, _)| known(other))
        {
            environment.push((name, value));
        }
    }
    let search = environment.iter().find(|(name, _)| *name == "PATH").map_or(DEFAULT_PATH, |(_, value)| *value);
    let candidates = if program.contains('/') {
        vec![text("program", program.as_str())?]
    } else {
        search
            .split(':')
            .map(|directory| if directory.is_empty() { "." } else { directory })
            .map(|directory| text("program", format!("{directory}/{program}")))
            .collect::<Result<_, _>>()?
    };
    let arguments = spec.args.iter().map(|argument| text("argument", argument.as_str())).collect::<Result<_, _>>()?;
    let environment = environment
        .iter()
        .map(|(name, value)| text("environment variable", format!("{name}={value}")))
        .chain(spec.secret_env.iter().map(|(name, value)| secret_variable(name, value)))
        .collect::<Result<_, _>>()?;
    Ok(SetupOp::Execute {
        candidates,
        arguments: CStringArray::new(arguments),
        environment: CStringArray::new(environment),
    })
}

/// Nothing of the value may get into an error.
fn secret_variable(name: &str, value: &Secret) -> Result<CString, SandboxError> {
    let variable = [name.as_bytes(), b"=", value.expose()].concat();
    CString::new(variable)
        .map_err(|_| SandboxError::ZeroByte { what: "the secret in environment variable", text: name.to_owned() })
}

fn text(what: &'static str, text: impl Into<String>) -> Result<CString, SandboxError> {
    CString::new(text.into())
        .map_err(|error| SandboxError::ZeroByte { what, text: String::from_utf8_lossy(&error.into_vec()).into_owned() })
}

/// For texts of this file, which hold no zero byte.
fn fixed(text: &str) -> CString {
    CString::new(text).unwrap_or_default()
}

#[cfg(test)]
mod tests;
