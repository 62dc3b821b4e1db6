//! `builder run`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

/// Run an image in the sandbox of a RUN step, to try it; what it writes is gone afterwards.
#[derive(Debug, Args)]
#[command(after_help = "Exit code: that of the program; 125 where builder failed, 126 for a program that cannot be \
executed,\n127 for one that is not there, 128 and its number for a signal.\n\nExample:\n  builder run --rm -it hello sh")]
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
}

/// A network.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(crate) enum TrialNetwork {
    /// This machine's
    Host,
    /// Loopback only
    None,
}
