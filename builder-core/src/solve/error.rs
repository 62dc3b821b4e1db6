//! Why a step failed.

use crate::build_context::ContextError;
use crate::cancel::Cancelled;
use crate::copy::CopyError;
use crate::diagnostic::Diagnostic;
use crate::fs::PathError;
use crate::fs::accounts::AccountError;
use crate::fs::owner::{MORE_IDS, OwnerError};
use crate::ids::VertexId;
use crate::sandbox::{Exit, SandboxError, SshKeyError};
use crate::secret::SecretError;
use crate::snapshot::SnapshotError;
use crate::source::SourceError;
use crate::source::host::HostError;
use crate::store::StoreError;
use crate::text::Span;

const SEEN_FROM_THE_ROOT: &str = "`source` is seen from the root of what `from` names: is it made there?";

/// A step failed.
#[derive(Debug, thiserror::Error)]
#[error("step `{name}` failed")]
pub struct SolveError {
    /// The vertex.
    pub vertex: VertexId,
    /// The step's name.
    pub name: String,
    /// The instruction, or the operand of it that is to blame.
    pub span: Span,
    /// Why.
    #[source]
    pub cause: StepError,
}

/// Why one step failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StepError {
    /// The command of a RUN did not end well.
    #[error("process {command:?} did not complete successfully: {}", ending(.exit))]
    Command {
        /// The arguments joined by blanks.
        command: String,
        /// How it ended.
        exit: Exit,
        /// The last lines that it wrote.
        log: Vec<String>,
    },
    /// The command of a RUN could not be started.
    #[error("cannot start the command")]
    Start {
        /// Why.
        #[source]
        source: SandboxError,
        /// What somebody could do about it.
        help: Option<String>,
    },
    /// Files could not be copied.
    #[error(transparent)]
    Copy(#[from] CopyError),
    /// A working directory could not be made.
    #[error("cannot make the working directory")]
    Workdir(#[source] CopyError),
    /// What a mount takes its files from could not be read.
    #[error(transparent)]
    MountSource(CopyError),
    /// Something cannot be mounted where it should be.
    #[error(transparent)]
    MountPoint(SandboxError),
    /// What a mount selects is not there.
    #[error("\"{path}\": not found")]
    MountNotFound {
        /// The path, from the root of where it is taken from.
        path: String,
    },
    /// What a cache mount selects is not in the cache.
    #[error("\"{path}\": not found in the cache \"{id}\"")]
    CacheSourceNotFound {
        /// The path, from the root of the cache.
        path: String,
        /// The name of the cache.
        id: String,
    },
    /// A secret that a step requires was not given.
    #[error("secret {id}: not found")]
    SecretNotFound {
        /// Its name.
        id: String,
    },
    /// A secret could not be had.
    #[error("secret {id} cannot be used")]
    Secret {
        /// Its name.
        id: String,
        /// Why.
        #[source]
        source: SecretError,
    },
    /// SSH keys that a step requires were not lent.
    #[error("no SSH key {id:?} forwarded from the client")]
    SshNotForwarded {
        /// Their name.
        id: String,
    },
    /// SSH keys that were given as files cannot be used.
    #[error("SSH keys {id:?} cannot be used")]
    SshKeys {
        /// Their name.
        id: String,
        /// Why.
        #[source]
        source: SshKeyError,
    },
    /// The sandbox could not be set up.
    #[error("cannot set up the sandbox")]
    Sandbox(#[source] SandboxError),
    /// A user or group could not be found.
    #[error(transparent)]
    Account(#[from] AccountError),
    /// An image could not be had.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// An archive from elsewhere could not be unpacked.
    #[error(transparent)]
    Context(#[from] ContextError),
    /// Programs of this machine could not be collected.
    #[error(transparent)]
    Host(#[from] HostError),
    /// The root filesystem could not be made.
    #[error(transparent)]
    Snapshot(#[from] SnapshotError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A file of this machine could not be used.
    #[error(transparent)]
    Path(#[from] PathError),
    /// A value that the plan refers to was not handed to the solver; a defect of the caller.
    #[error("the plan refers to `{0}`, which was not given to the solver")]
    MissingInput(String),
    /// The build was cancelled.
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
}

impl From<crate::source::git::GitError> for StepError {
    fn from(error: crate::source::git::GitError) -> Self {
        Self::Source(error.into())
    }
}

impl StepError {
    /// Returns the error and its causes in one line.
    pub fn message(&self) -> String {
        let mut message = self.to_string();
        let mut source = std::error::Error::source(self);
        while let Some(cause) = source {
            message.push_str(": ");
            message.push_str(&cause.to_string());
            source = cause.source();
        }
        message
    }
}

fn ending(exit: &Exit) -> String {
    match exit {
        Exit::Code(code) => format!("exit code: {code}"),
        Exit::Signal(signal) => format!("exit code: {}", 128 + signal),
        Exit::OutOfMemory => "cannot allocate memory".to_owned(),
    }
}

impl SolveError {
    /// Tells whether the step was cancelled rather than failed.
    pub fn is_cancelled(&self) -> bool {
        match &self.cause {
            StepError::Cancelled(_) => true,
            StepError::Copy(error) | StepError::MountSource(error) | StepError::Workdir(error) => {
                matches!(error, CopyError::Cancelled(_))
            }
            StepError::Sandbox(error) => matches!(error, SandboxError::Cancelled(_)),
            StepError::Snapshot(error) => error.is_cancelled(),
            StepError::Source(error) => error.is_cancelled(),
            StepError::Store(error) => matches!(error, StoreError::Cancelled(_)),
            _ => false,
        }
    }

    /// Describes the failure for a person, at the instruction that caused it.
    pub fn diagnostic(&self) -> Diagnostic {
        let refused = OwnerError::among(&self.cause);
        let id = match &self.cause {
            _ if matches!(refused, Some(OwnerError::NotMapped { .. })) => "id-not-mapped",
            _ if refused.is_some() => "id-out-of-range",
            StepError::Sandbox(SandboxError::IdNotMapped { .. }) => "id-not-mapped",
            StepError::Account(error) => error.id(),
            StepError::Command { .. } | StepError::Start { .. } => "command-failed",
            StepError::Copy(_) => "copy-failed",
            StepError::Workdir(_) => "workdir-failed",
            StepError::MountSource(_)
            | StepError::MountPoint(_)
            | StepError::MountNotFound { .. }
            | StepError::CacheSourceNotFound { .. } => "mount-failed",
            StepError::SecretNotFound { .. } | StepError::Secret { .. } => "secret-unavailable",
            StepError::SshNotForwarded { .. } | StepError::SshKeys { .. } => "ssh-unavailable",
            StepError::Source(error) if error.is_remote_file() => "fetch-failed",
            StepError::Source(_) => "image-unavailable",
            StepError::Host(_) => "host-program",
            _ => "step-failed",
        };
        let mut diagnostic =
            Diagnostic::error(id, self.span, self.cause.message()).note(format!("in step {}", self.name));
        match &self.cause {
            StepError::Command { exit: Exit::Signal(signal), .. } => {
                diagnostic = diagnostic.note(format!("it was killed by signal {signal}"));
            }
            StepError::Command { exit: Exit::OutOfMemory, .. } => {
                diagnostic = diagnostic.note("it was killed because it used more memory than it may");
            }
            _ => {}
        }
        match &self.cause {
            _ if matches!(refused, Some(OwnerError::NotMapped { .. })) => diagnostic = diagnostic.help(MORE_IDS),
            StepError::Command { log, .. } if log.is_empty() => {
                diagnostic = diagnostic.note("the command wrote nothing");
            }
            StepError::Command { log, .. } => {
                diagnostic = diagnostic.note(format!("last lines of its output:\n{}", log.join("\n")));
            }
            StepError::Start { help: Some(help), .. } => diagnostic = diagnostic.help(help.as_str()),
            StepError::MountPoint(error) | StepError::Sandbox(error) => {
                if let Some(hint) = error.help() {
                    diagnostic = diagnostic.help(hint);
                }
            }
            StepError::MountNotFound { .. } => {
                diagnostic = diagnostic.help(SEEN_FROM_THE_ROOT);
            }
            StepError::CacheSourceNotFound { .. } => {
                let help = "let a step that mounts the whole cache make it, or take it from what `from` names";
                diagnostic = diagnostic.help(help);
            }
            StepError::SecretNotFound { id } => {
                let help = format!("give it with `--secret id={id},src=FILE` or `--secret id={id},env=VARIABLE`");
                diagnostic = diagnostic.help(help);
            }
            StepError::SshNotForwarded { id } => {
                diagnostic = diagnostic.help(format!("lend the keys of your agent with `--ssh {id}`"));
            }
            StepError::SshKeys { id, .. } => {
                let help = format!("add the key to an agent with `ssh-add` and lend that with `--ssh {id}`");
                diagnostic = diagnostic.help(help);
            }
            StepError::MountSource(CopyError::NotFound { similar: None, ignored: false, .. }) => {
                diagnostic = diagnostic.help(SEEN_FROM_THE_ROOT);
            }
            StepError::Copy(error) | StepError::MountSource(error) => {
                if let Some(hint) = error.help() {
                    diagnostic = diagnostic.help(hint);
                }
            }
            StepError::Source(error) if error.is_remote_file() => {
                if let Some(hint) = error.hint() {
                    diagnostic = diagnostic.help(hint);
                }
            }
            StepError::Account(error) => {
                if let Some(hint) = error.help() {
                    diagnostic = diagnostic.help(hint);
                }
            }
            _ => {}
        }
        diagnostic
    }
}
