//! What to run.

use std::os::fd::OwnedFd;

use rustix::process::Resource;

use super::control_group::Resources;
use super::stdio::{SignalQueue, Stdio};
use super::step_mounts::SandboxMount;
use crate::fs::accounts::Identity;
use crate::secret::Secret;

/// The host name that a step sees unless something else is asked for; that of `BuildKit`.
pub const DEFAULT_HOSTNAME: &str = "buildkitsandbox";

/// The network of a sandbox.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum SandboxNetwork {
    /// That of the host.
    #[default]
    Host,
    /// A loopback interface and nothing else.
    None,
}

/// A file that the process sees and that never becomes part of the layer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SandboxFile {
    /// Where, absolute, in the sandbox. Below `/dev` it is simply there; elsewhere it is mounted read-only over a
    /// file that must exist (see [`super::stubs`]).
    pub target: String,
    /// What is in it.
    pub content: Vec<u8>,
    /// Its permission bits.
    pub mode: u32,
}

/// A resource limit of processes (`setrlimit(2)`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Ulimit {
    /// The number of the resource.
    pub resource: u32,
    /// The limit in force.
    pub soft: u64,
    /// How far a process may raise it.
    pub hard: u64,
}

impl Ulimit {
    /// The names of limits, in the order of docker's list, with their numbers.
    const NAMES: [(&'static str, u32, Resource); 16] = [
        ("core", libc::RLIMIT_CORE, Resource::Core),
        ("cpu", libc::RLIMIT_CPU, Resource::Cpu),
        ("data", libc::RLIMIT_DATA, Resource::Data),
        ("fsize", libc::RLIMIT_FSIZE, Resource::Fsize),
        ("locks", libc::RLIMIT_LOCKS, Resource::Locks),
        ("memlock", libc::RLIMIT_MEMLOCK, Resource::Memlock),
        ("msgqueue", libc::RLIMIT_MSGQUEUE, Resource::Msgqueue),
        ("nice", libc::RLIMIT_NICE, Resource::Nice),
        ("nofile", libc::RLIMIT_NOFILE, Resource::Nofile),
        ("nproc", libc::RLIMIT_NPROC, Resource::Nproc),
        ("rss", libc::RLIMIT_RSS, Resource::Rss),
        ("rtprio", libc::RLIMIT_RTPRIO, Resource::Rtprio),
        ("rttime", libc::RLIMIT_RTTIME, Resource::Rttime),
        ("sigpending", libc::RLIMIT_SIGPENDING, Resource::Sigpending),
        ("stack", libc::RLIMIT_STACK, Resource::Stack),
        ("as", libc::RLIMIT_AS, Resource::As),
    ];

    /// Reads `name=soft[:hard]`; -1 is no limit.
    pub fn parse(text: &str) -> Option<Self> {
        let (name, limits) = text.split_once('=')?;
        let (_, resource, _) = Self::NAMES.iter().find(|(known, ..)| *known == name)?;
        let (soft, hard) = limits.split_once(':').unwrap_or((limits, limits));
        let limit = |text: &str| match text.parse::<i64>().ok()? {
            -1 => Some(libc::RLIM64_INFINITY),
            number => u64::try_from(number).ok(),
        };
        let (soft, hard) = (limit(soft)?, limit(hard)?);
        (soft <= hard).then_some(Self { resource: *resource, soft, hard })
    }

    /// Returns the names that there are.
    pub fn names() -> impl Iterator<Item = &'static str> {
        Self::NAMES.iter().map(|(name, ..)| *name)
    }

    /// Returns how far this process may raise its own limit of the resource; nothing where there is no end.
    pub fn current_hard(&self) -> Option<u64> {
        let (.., resource) = Self::NAMES.iter().find(|(_, number, _)| *number == self.resource)?;
        rustix::process::getrlimit(*resource).maximum
    }

    /// Returns the name of the resource.
    pub fn name(&self) -> &'static str {
        Self::NAMES.iter().find(|(_, number, _)| *number == self.resource).map_or("", |(name, ..)| name)
    }
}

/// What to run, and what it sees.
#[derive(Debug)]
#[non_exhaustive]
pub struct SandboxSpec {
    /// The root filesystem: a detached mount. It is used up by the run; another run needs another mount.
    pub root: OwnedFd,
    /// The program and its arguments. A program without a slash is looked up in `PATH`.
    pub args: Vec<String>,
    /// What it reads from and writes to.
    pub stdio: Stdio,
    /// Signals that are passed on to it, by a first process above it. Without, there are none, and it is itself the
    /// first process, as in a step that docker builds.
    pub signals: Option<SignalQueue>,
    /// The environment. `PATH` and `HOME` are added where they are missing.
    pub env: Vec<(String, String)>,
    /// The working directory, absolute; made if it is missing.
    pub cwd: String,
    /// The user.
    pub identity: Identity,
    /// The network.
    pub network: SandboxNetwork,
    /// The host name.
    pub hostname: String,
    /// The content of `/etc/hosts`.
    pub hosts: String,
    /// The content of `/etc/resolv.conf`; without it the file of the root filesystem is seen.
    pub resolv_conf: Option<String>,
    /// More files.
    pub files: Vec<SandboxFile>,
    /// More mounts; their mount points must exist (see [`super::stubs`]).
    pub mounts: Vec<SandboxMount>,
    /// Variables whose values are secret; they win over those of the environment.
    pub secret_env: Vec<(String, Secret)>,
    /// Whether the process may do everything that this one may.
    pub insecure: bool,
    /// The size of `/dev/shm` in bytes; without, 64 MiB.
    pub shm_bytes: Option<u64>,
    /// Resource limits of processes.
    pub ulimits: Vec<Ulimit>,
    /// What it may use of the machine.
    pub resources: Resources,
}

impl SandboxSpec {
    /// Runs these arguments on this root filesystem as root, in `/`, with the host's network.
    pub fn new(root: OwnedFd, args: Vec<String>) -> Self {
        Self {
            root,
            args,
            stdio: Stdio::default(),
            signals: None,
            env: Vec::new(),
            cwd: "/".to_owned(),
            identity: root_identity(),
            network: SandboxNetwork::default(),
            hostname: DEFAULT_HOSTNAME.to_owned(),
            hosts: super::hosts_file(DEFAULT_HOSTNAME, &[]),
            resolv_conf: None,
            files: Vec::new(),
            mounts: Vec::new(),
            secret_env: Vec::new(),
            insecure: false,
            shm_bytes: None,
            ulimits: Vec::new(),
            resources: Resources::default(),
        }
    }

    /// Sets the environment.
    #[must_use]
    pub fn env(mut self, env: Vec<(String, String)>) -> Self {
        self.env = env;
        self
    }

    /// Sets the working directory.
    #[must_use]
    pub fn cwd(mut self, cwd: impl Into<String>) -> Self {
        self.cwd = cwd.into();
        self
    }

    /// Sets the user.
    #[must_use]
    pub fn identity(mut self, identity: Identity) -> Self {
        self.identity = identity;
        self
    }

    /// Sets the network.
    #[must_use]
    pub fn network(mut self, network: SandboxNetwork) -> Self {
        self.network = network;
        self
    }

    /// Sets the host name; `/etc/hosts` is set apart.
    #[must_use]
    pub fn hostname(mut self, hostname: impl Into<String>) -> Self {
        self.hostname = hostname.into();
        self
    }

    /// Sets the content of `/etc/hosts`.
    #[must_use]
    pub fn hosts(mut self, hosts: impl Into<String>) -> Self {
        self.hosts = hosts.into();
        self
    }

    /// Sets the content of `/etc/resolv.conf`.
    #[must_use]
    pub fn resolv_conf(mut self, content: impl Into<String>) -> Self {
        self.resolv_conf = Some(content.into());
        self
    }

    /// Sets the extra files.
    #[must_use]
    pub fn files(mut self, files: Vec<SandboxFile>) -> Self {
        self.files = files;
        self
    }
}

/// Root, with no accounts looked up.
fn root_identity() -> Identity {
    Identity { uid: 0, gid: 0, groups: Vec::new(), home: "/root".to_owned() }
}
