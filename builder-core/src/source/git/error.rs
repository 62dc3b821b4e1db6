//! What can go wrong with a git repository.

use std::path::PathBuf;

use crate::cancel::Cancelled;
use crate::fs::PathError;
use crate::sandbox::SshKeyError;
use crate::secret::SecretError;
use crate::store::StoreError;

/// A git repository could not be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GitError {
    /// There is no git on this machine.
    #[error("there is no `git` in {searched}")]
    NoProgram {
        /// The directories that were looked into.
        searched: String,
    },
    /// Git failed. What it said is shown without addresses' passwords.
    #[error("{what}: {said}")]
    Failed {
        /// What it was to do.
        what: String,
        /// The end of what it said.
        said: String,
    },
    /// It took too long.
    #[error("{what}: it took more than {minutes} minutes")]
    Timeout {
        /// What it was to do.
        what: String,
        /// The limit.
        minutes: u64,
    },
    /// The repository has no such branch, tag or commit. The text is BuildKit's.
    #[error("repository does not contain ref {reference}")]
    NoReference {
        /// What was asked for.
        reference: String,
    },
    /// Nothing says which branch is meant. The text is BuildKit's.
    #[error("could not find default branch for repository: {remote}")]
    NoDefaultBranch {
        /// The repository.
        remote: String,
    },
    /// It is another commit than it should be. The text is BuildKit's.
    #[error("expected checksum to match {expected}, got {found}")]
    Checksum {
        /// What was given.
        expected: String,
        /// What the reference leads to.
        found: String,
    },
    /// The directory that is to be the root is none, or leads out of the repository.
    #[error("failed to open subdir {subdir}: {reason}")]
    Subdir {
        /// The directory.
        subdir: String,
        /// Why.
        reason: &'static str,
    },
    /// A secret could not be read.
    #[error("cannot read the secret `{id}`")]
    Secret {
        /// Its id.
        id: String,
        /// Why.
        #[source]
        source: SecretError,
    },
    /// A key that was lent is missing.
    #[error("the SSH key `{}` cannot be passed to ssh", path.display())]
    Key {
        /// The key file.
        path: PathBuf,
    },
    /// A key that was lent cannot be used.
    #[error(transparent)]
    SshKey(SshKeyError),
    /// A file of this machine could not be used.
    #[error(transparent)]
    Path(#[from] PathError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The operation was cancelled.
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
}

impl GitError {
    /// Tells whether the server, or the way to it, is to blame.
    pub fn is_server(&self) -> bool {
        matches!(self, Self::Failed { .. } | Self::Timeout { .. })
    }

    /// Returns what to do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::NoProgram { .. } => {
                Some("install git on this machine, or copy the files into the context".to_owned())
            }
            Self::NoReference { .. } => {
                Some("name a branch, a tag, or a whole commit id of 40 digits: `#NAME` after the address".to_owned())
            }
            Self::Failed { said, .. } if said.contains("requested URL returned error: 30") => Some(
                "the server sends on to another address; a token is only given to the one that was named: write the \
                 new address in the Dockerfile"
                    .to_owned(),
            ),
            Self::Failed { said, .. } if asks_who(said) => Some(
                "where the server wants to know who asks: `--secret id=GIT_AUTH_TOKEN,src=FILE` passes a token, and \
                 `--ssh default` the keys of your agent"
                    .to_owned(),
            ),
            _ => None,
        }
    }
}

fn asks_who(said: &str) -> bool {
    ["could not read Username", "Authentication failed", "Permission denied", "error: 401", "error: 403"]
        .iter()
        .any(|sign| said.contains(sign))
}
