//! Why a process could not be run.

use std::io;
use std::path::PathBuf;

use crate::cancel::Cancelled;
use crate::fs::PathError;
use crate::fs::owner::MORE_IDS;
use crate::sys::SysError;

/// What [`SandboxError::InvalidPath`] calls the place of a mount of a step.
pub(super) const MOUNT_TARGET: &str = "mount target";

/// A process could not be run in a sandbox.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SandboxError {
    /// The build was cancelled; everything in the sandbox is dead.
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
    /// There was nothing to run.
    #[error("there is no program to run: the arguments are empty")]
    NoProgram,
    /// A text of the specification cannot be handed to the kernel.
    #[error("{what} `{}` must not hold a zero byte", text.escape_debug())]
    ZeroByte {
        /// What the text is.
        what: &'static str,
        /// The text.
        text: String,
    },
    /// A path of the specification is not usable.
    #[error("{what} `{path}` must be an absolute path without `..`, outside of `/proc` and `/sys`")]
    InvalidPath {
        /// What the path is for.
        what: &'static str,
        /// The path, in the sandbox.
        path: String,
    },
    /// The program does not exist.
    #[error("program `{program}` not found{}", if *searched { " in `PATH`" } else { "" })]
    ProgramNotFound {
        /// The program as given.
        program: String,
        /// Whether it was looked up in `PATH`.
        searched: bool,
    },
    /// The program exists, but what it needs to be started does not.
    #[error("program `{program}` exists, but its interpreter or dynamic loader does not")]
    InterpreterNotFound {
        /// The program as given.
        program: String,
    },
    /// The program may not be executed.
    #[error("program `{program}` cannot be executed: permission denied")]
    ProgramNotExecutable {
        /// The program as given.
        program: String,
    },
    /// The program is of a format that this machine does not run.
    #[error("program `{program}` cannot be executed: exec format error")]
    ExecFormat {
        /// The program as given.
        program: String,
    },
    /// The kernel does not start the program as it is, or not with these arguments.
    #[error("program `{program}` cannot be executed")]
    CannotExecute {
        /// The program as given.
        program: String,
        /// What the kernel answered.
        #[source]
        source: io::Error,
    },
    /// A user or group has no counterpart in the user namespace.
    #[error("{kind} {id} is not mapped in this user namespace: more subordinate ids are needed")]
    IdNotMapped {
        /// `user` or `group`.
        kind: &'static str,
        /// The number.
        id: u32,
    },
    /// A step of the set-up failed inside the sandbox.
    #[error("cannot {step}")]
    Setup {
        /// What was being done.
        step: String,
        /// What the kernel answered.
        #[source]
        source: io::Error,
    },
    /// A mount point cannot be there: something on the way to it is not a directory.
    #[error("cannot make a mount point at `{target}`: `{}` is not a directory", existing.display())]
    NotADirectory {
        /// The mount point, in the sandbox.
        target: String,
        /// What is in the way, in the sandbox.
        existing: PathBuf,
    },
    /// A file cannot be mounted on a directory, nor the reverse.
    #[error("cannot mount a {mounted} on the {existing} `{target}`")]
    MountOnOther {
        /// The mount point, in the sandbox.
        target: String,
        /// What is mounted: `file` or `directory`.
        mounted: &'static str,
        /// What is there.
        existing: &'static str,
    },
    /// A mount point is missing in another mount of the step, and that one is read-only.
    #[error("cannot make a mount point at `{target}`: the mount at `{outer}` is read-only")]
    MountInReadOnly {
        /// The mount point, in the sandbox.
        target: String,
        /// The other mount.
        outer: String,
    },
    /// The symbolic links on the way to a mount point do not end.
    #[error("cannot make a mount point at `{target}`: more than {limit} symbolic links on the way")]
    TooManyLinks {
        /// The mount point, in the sandbox.
        target: String,
        /// How many are followed.
        limit: usize,
    },
    /// There are more mounts than a sandbox takes.
    #[error("more than {limit} mounts in one step")]
    TooManyMounts {
        /// How many there may be.
        limit: usize,
    },
    /// A limit was asked for, and the controller that sets it is not there.
    #[error("limits cannot be set: this system has no control groups with the controller `{controller}`")]
    NoControlGroup {
        /// The controller.
        controller: &'static str,
    },
    /// The control groups do not take what was asked for.
    #[error("cannot set a limit in the control group file `{}`", path.display())]
    ControlGroup {
        /// The file or directory.
        path: PathBuf,
        /// What the kernel answered.
        #[source]
        source: io::Error,
    },
    /// The filter of system calls could not be made.
    #[error("the filter of system calls is too long for the kernel")]
    FilterTooLong,
    /// There is no filter of system calls for this architecture.
    #[error("there is no filter of system calls for architecture `{0}`")]
    NoFilter(&'static str),
    /// A file operation failed.
    #[error(transparent)]
    Path(#[from] PathError),
    /// The kernel refused a call.
    #[error(transparent)]
    Sys(#[from] SysError),
}

impl SandboxError {
    /// Returns the mount point that the error is about.
    pub fn mount_target(&self) -> Option<&str> {
        match self {
            Self::MountOnOther { target, .. }
            | Self::MountInReadOnly { target, .. }
            | Self::NotADirectory { target, .. }
            | Self::TooManyLinks { target, .. } => Some(target),
            Self::InvalidPath { what: MOUNT_TARGET, path } => Some(path),
            _ => None,
        }
    }

    /// Returns what somebody could do about it.
    pub fn help(&self) -> Option<String> {
        Some(match self {
            Self::MountOnOther { target, mounted: "file", .. } => {
                format!("name the file that it is to be: `target={}/NAME`", target.trim_end_matches('/'))
            }
            Self::MountOnOther { .. } => {
                "give a `target` that is a directory or does not exist, or a `source` that is a file".to_owned()
            }
            Self::MountInReadOnly { outer, .. } => {
                format!("write `rw` for the mount at `{outer}`, or make the mount point part of what is mounted there")
            }
            Self::IdNotMapped { .. } => MORE_IDS.to_owned(),
            Self::NotADirectory { .. } | Self::TooManyLinks { .. } | Self::InvalidPath { what: MOUNT_TARGET, .. } => {
                "give another `target`".to_owned()
            }
            _ => return None,
        })
    }

    /// Tells whether the sandbox was ready, and what was to be run in it is to blame.
    pub fn is_about_program(&self) -> bool {
        matches!(
            self,
            Self::NoProgram
                | Self::ProgramNotFound { .. }
                | Self::InterpreterNotFound { .. }
                | Self::ProgramNotExecutable { .. }
                | Self::ExecFormat { .. }
                | Self::CannotExecute { .. }
        )
    }
}
