//! Runs one process in namespaces of its own, on a root filesystem held by a descriptor.
//!
//! A [`SandboxSpec`] says what to run; `setup_plan` turns it, as pure data, into what the parent prepares and the
//! lists of operations that the child carries out ([`crate::sys`]); [`run`] does it and waits. Nothing of it is
//! ever in the mount table of the host, and all of it dies with the builder.
//!
//! ```no_run
//! use builder_core::cancel::CancelToken;
//! use builder_core::sandbox::{Exit, SandboxSpec, run};
//! use builder_core::sys::mount;
//! use std::path::Path;
//!
//! let root = mount::overlay(&[Path::new("/srv/root")], Some((Path::new("/srv/up"), Path::new("/srv/work"))), false)?;
//! let spec = SandboxSpec::new(root, vec!["/bin/true".into()]);
//! assert_eq!(run(&spec, &|_stream, _bytes| {}, &CancelToken::new())?, Exit::Code(0));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod control_group;
mod devices;
mod error;
mod filter;
pub mod foreign;
pub mod isolation;
mod launch;
mod mount_failure;
mod mounts;
mod network;
mod oom;
mod output;
pub mod rootless;
mod seccomp_profile;
mod setup_plan;
mod spec;
mod ssh_agent;
mod ssh_keys;
mod stdio;
mod step_mounts;
pub mod stubs;
mod subid;

pub use control_group::Resources;
pub use error::SandboxError;
pub use launch::{Exit, run};
pub use network::{ResolvConf, hosts_file};
pub use spec::{DEFAULT_HOSTNAME, SandboxFile, SandboxNetwork, SandboxSpec, Ulimit};
pub use ssh_agent::{Agent, AgentProxy};
pub use ssh_keys::{KeyRing, SshKeyError};
pub use stdio::{SignalQueue, Stdio, Terminal, TerminalControl};
pub use step_mounts::{FileOwner, SandboxMount};
