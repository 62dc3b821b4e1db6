//! `builder run`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

/// An option of `docker run` that means nothing here.
pub(super) struct RefusedOption {
    pub(super) name: &'static str,
    pub(super) short: Option<char>,
    pub(super) has_value: bool,
    pub(super) why: &'static str,
}

const fn flag(name: &'static str, short: Option<char>, why: &'static str) -> RefusedOption {
    RefusedOption { name, short, has_value: false, why }
}

const fn option(name: &'static str, short: Option<char>, why: &'static str) -> RefusedOption {
    RefusedOption { name, short, has_value: true, why }
}

const NO_MANAGER: &str = "this is a try-out in front of you, no container manager: for services use podman or docker, \
which read what `builder push` and `builder save` write";
const NO_NETWORK: &str = "there is no network of its own: with `--network host` its ports are those of this machine";
const NO_STATE: &str = "nothing of a run stays, so that nothing needs a name";
const NO_PRIVILEGE: &str = "it runs in the sandbox of a RUN step, with the rights that such a step has";
const NO_LIMITS: &str = "run it below a limited scope of the system's, or set what `--ulimit` can";

/// Options of `docker run` that are refused with a reason.
pub(super) const REFUSED: &[RefusedOption] = &[
    flag("detach", Some('d'), NO_MANAGER),
    option("restart", None, NO_MANAGER),
    option("health-cmd", None, NO_MANAGER),
    option("log-driver", None, NO_MANAGER),
    option("label", Some('l'), NO_STATE),
    option("name", None, NO_STATE),
    option("cidfile", None, NO_STATE),
    option("volumes-from", None, NO_STATE),
    option("publish", Some('p'), NO_NETWORK),
    flag("publish-all", Some('P'), NO_NETWORK),
    option("expose", None, NO_NETWORK),
    option("link", None, NO_NETWORK),
    option("dns", None, NO_NETWORK),
    option("ip", None, NO_NETWORK),
    flag("privileged", None, NO_PRIVILEGE),
    option("cap-add", None, NO_PRIVILEGE),
    option("cap-drop", None, NO_PRIVILEGE),
    option("security-opt", None, NO_PRIVILEGE),
    option("device", None, NO_PRIVILEGE),
    option("gpus", None, NO_PRIVILEGE),
    option("memory", Some('m'), NO_LIMITS),
    option("cpus", None, NO_LIMITS),
    option("cpu-shares", Some('c'), NO_LIMITS),
    option("pids-limit", None, NO_LIMITS),
    option("mount", None, "use `--volume SOURCE:TARGET[:ro]` or `--tmpfs DIR`"),
    option("pid", None, "it sees its own processes only"),
    option("ipc", None, "it shares no memory with others"),
    flag("init", None, "what it leaves behind is cleaned up anyway"),
];

/// Run an image in the sandbox of a RUN step, to try it; what it writes is gone afterwards.
#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
#[command(
    args_override_self = true,
    after_help = "Exit code: that of the program; 125 where builder failed, 126 for a program that cannot be \
executed,\n127 for one that is not there, 128 and its number for a signal.\n\nExample:\n  builder run --rm -it hello sh"
)]
pub(crate) struct TrialArgs {
    /// Name or ID, then program and arguments in place of the image's CMD; options come before
    #[arg(value_names = ["IMAGE", "COMMAND"], required = true, num_args = 1.., trailing_var_arg = true)]
    pub(crate) words: Vec<String>,
    /// Keep standard input open
    #[arg(short, long)]
    pub(crate) interactive: bool,
    /// Give it a terminal
    #[arg(short, long)]
    pub(crate) tty: bool,
    /// Leave nothing behind, which is always so
    #[arg(long)]
    pub(crate) rm: bool,
    /// Environment variable; without a value, that of the same name
    #[arg(short, long = "env", value_name = "NAME[=VALUE]")]
    pub(crate) env: Vec<String>,
    /// File of environment variables, one a line
    #[arg(long = "env-file", value_name = "FILE")]
    pub(crate) env_files: Vec<PathBuf>,
    /// What it sees of this machine: `SOURCE:TARGET[:ro]`
    #[arg(short, long = "volume", value_name = "VOLUME")]
    pub(crate) volumes: Vec<String>,
    /// An empty directory in memory: `DIR` or `DIR:size=64m,ro`
    #[arg(long = "tmpfs", value_name = "DIR")]
    pub(crate) tmpfs: Vec<String>,
    /// Let it write to volumes and to memory only
    #[arg(long)]
    pub(crate) read_only: bool,
    /// Working directory [default: the image's]
    #[arg(short, long, value_name = "DIR")]
    pub(crate) workdir: Option<String>,
    /// User, by name or number, with or without a group [default: the image's]
    #[arg(short, long, value_name = "USER[:GROUP]")]
    pub(crate) user: Option<String>,
    /// Program in place of the image's ENTRYPOINT; empty for none
    #[arg(long, value_name = "PROGRAM")]
    pub(crate) entrypoint: Option<String>,
    /// Network
    #[arg(long, visible_alias = "net", value_enum, default_value_t = TrialNetwork::Host, value_name = "MODE")]
    pub(crate) network: TrialNetwork,
    /// Host name [default: the beginning of the image's ID]
    #[arg(long, value_name = "NAME")]
    pub(crate) hostname: Option<String>,
    /// Name and address for /etc/hosts: `NAME:ADDRESS`; the address `host-gateway` is this machine
    #[arg(long = "add-host", value_name = "HOST")]
    pub(crate) hosts: Vec<String>,
    /// Size of /dev/shm [default: 64m]
    #[arg(long, value_name = "BYTES")]
    pub(crate) shm_size: Option<String>,
    /// Limit of processes: `NAME=SOFT[:HARD]`, such as `nofile=1024`
    #[arg(long = "ulimit", value_name = "LIMIT")]
    pub(crate) ulimits: Vec<String>,
    /// Seconds between a signal that asks it to end and the end
    #[arg(long, default_value_t = 10, value_name = "SECONDS")]
    pub(crate) stop_timeout: u64,
    /// Platform to take from an index [default: this machine's]
    #[arg(long, value_name = "PLATFORM")]
    pub(crate) platform: Option<String>,
    /// When to pull the image
    #[arg(long, value_enum, default_value_t = TrialPull::Missing, value_name = "WHEN")]
    pub(crate) pull: TrialPull,
    /// Do not show how far a pull is
    #[arg(short, long)]
    pub(crate) quiet: bool,
}

/// When an image is pulled before it is run.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(crate) enum TrialPull {
    /// Where the store does not have it
    Missing,
    /// Always
    Always,
    /// Not at all
    Never,
}

/// A network.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(crate) enum TrialNetwork {
    /// This machine's
    Host,
    /// Loopback only
    None,
}
