//! What to run.

use std::os::fd::OwnedFd;

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

/// The user that a process runs as, looked up beforehand.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ProcessIdentity {
    /// The user.
    pub uid: u32,
    /// The primary group.
    pub gid: u32,
    /// The supplementary groups.
    pub groups: Vec<u32>,
    /// The home directory: the value of `HOME` where the environment does not set it.
    pub home: String,
}

impl Default for ProcessIdentity {
    fn default() -> Self {
        Self { uid: 0, gid: 0, groups: Vec::new(), home: "/root".to_owned() }
    }
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

/// What to run, and what it sees.
#[derive(Debug)]
#[non_exhaustive]
pub struct SandboxSpec {
    /// The root filesystem: a detached mount. It is used up by the run; another run needs another mount.
    pub root: OwnedFd,
    /// The program and its arguments. A program without a slash is looked up in `PATH`.
    pub args: Vec<String>,
    /// The environment. `PATH` and `HOME` are added where they are missing.
    pub env: Vec<(String, String)>,
    /// The working directory, absolute; made if it is missing.
    pub cwd: String,
    /// The user.
    pub identity: ProcessIdentity,
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
}

impl SandboxSpec {
    /// Runs these arguments on this root filesystem as root, in `/`, with the host's network.
    pub fn new(root: OwnedFd, args: Vec<String>) -> Self {
        Self {
            root,
            args,
            env: Vec::new(),
            cwd: "/".to_owned(),
            identity: ProcessIdentity::default(),
            network: SandboxNetwork::default(),
            hostname: DEFAULT_HOSTNAME.to_owned(),
            hosts: super::hosts_file(DEFAULT_HOSTNAME, &[]),
            resolv_conf: None,
            files: Vec::new(),
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
    pub fn identity(mut self, identity: ProcessIdentity) -> Self {
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
