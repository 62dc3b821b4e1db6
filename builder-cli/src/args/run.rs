//! Options of `builder build` for RUN steps.

use clap::Args;

/// What RUN steps are allowed, given and limited to.
#[derive(Debug, Args)]
#[command(next_help_heading = "Options for RUN")]
pub(crate) struct RunArgs {
    /// Secret for `RUN --mount=type=secret`: `id=ID[,src=FILE|,env=VARIABLE][,type=file|env]`; without a source, the
    /// variable ID, else the file ID
    #[arg(long = "secret", value_name = "SECRET")]
    pub(crate) secrets: Vec<String>,
    /// SSH keys for `RUN --mount=type=ssh`: `ID[=SOCKET|KEY[,KEY…]]`; without a source, the agent of
    /// `SSH_AUTH_SOCK`
    #[arg(long = "ssh", value_name = "SSH")]
    pub(crate) ssh: Vec<String>,
    /// What steps may ask for beyond the usual: `network.host`, `security.insecure`
    #[arg(long, value_name = "ENTITLEMENT")]
    pub(crate) allow: Vec<String>,
    /// Name and address for /etc/hosts: `NAME:ADDRESS`; the address `host-gateway` is this machine
    #[arg(long = "add-host", value_name = "HOST")]
    pub(crate) hosts: Vec<String>,
    /// Size of /dev/shm [default: 64m]
    #[arg(long, value_name = "BYTES")]
    pub(crate) shm_size: Option<String>,
    /// Limit of processes: `NAME=SOFT[:HARD]`, such as `nofile=1024`
    #[arg(long = "ulimit", value_name = "LIMIT")]
    pub(crate) ulimits: Vec<String>,
    /// Control group that those of steps are made in
    #[arg(long, value_name = "PATH")]
    pub(crate) cgroup_parent: Option<String>,
    /// Limit of memory
    #[arg(short, long, value_name = "BYTES")]
    pub(crate) memory: Option<String>,
    /// Limit of memory and swap together; -1 for none
    #[arg(long, value_name = "BYTES", allow_hyphen_values = true)]
    pub(crate) memory_swap: Option<String>,
    /// Share of processor time against other groups; 1024 is usual
    #[arg(short, long, value_name = "WEIGHT")]
    pub(crate) cpu_shares: Option<u64>,
    /// Length of a scheduling period, in microseconds
    #[arg(long, value_name = "MICROSECONDS")]
    pub(crate) cpu_period: Option<u64>,
    /// Processor time in a period, in microseconds; -1 for no limit
    #[arg(long, value_name = "MICROSECONDS", allow_hyphen_values = true)]
    pub(crate) cpu_quota: Option<i64>,
    /// Processors that steps run on: `0-2,4`
    #[arg(long, value_name = "LIST")]
    pub(crate) cpuset_cpus: Option<String>,
    /// Memory nodes that steps use: `0-2,4`
    #[arg(long, value_name = "LIST")]
    pub(crate) cpuset_mems: Option<String>,
}
