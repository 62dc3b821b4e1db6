//! What can go wrong with a build context.

use std::path::{Path, PathBuf};

use crate::cancel::Cancelled;
use crate::fs::PathError;
use crate::fs::extract::ExtractError;

/// A build context cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ContextError {
    /// The system refused something.
    #[error(transparent)]
    Path(#[from] PathError),
    /// There is no Dockerfile.
    #[error("no Dockerfile at `{}`{}", path.display(), dangling(link.as_deref()))]
    NoDockerfile {
        /// Where it was expected.
        path: PathBuf,
        /// What is there: a link that leads to nothing.
        link: Option<PathBuf>,
        /// A file of the context at the path that was named.
        similar: Option<PathBuf>,
    },
    /// A file that must be text is not.
    #[error("`{}` is not valid UTF-8", path.display())]
    NotText {
        /// The file.
        path: PathBuf,
    },
    /// Directories are nested too deeply.
    #[error("`{}` is nested more than {limit} directories deep", path.display())]
    TooDeep {
        /// The directory, relative to the root.
        path: PathBuf,
        /// The limit.
        limit: usize,
    },
    /// A context that arrived as a tar stream could not be unpacked.
    #[error("cannot unpack the build context")]
    Archive(#[from] ExtractError),
    /// The start of a stream could not be read.
    #[error("cannot read the build context")]
    Stream(#[source] std::io::Error),
    /// The build was cancelled.
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
}

impl ContextError {
    /// Returns what somebody could do about it.
    pub fn hint(&self) -> Option<String> {
        let Self::NoDockerfile { link, similar, .. } = self else { return None };
        Some(match (similar, link) {
            (Some(similar), _) => format!(
                "the path behind `-f` is seen from the working directory, not from the context: did you mean `-f {}`?",
                similar.display()
            ),
            (None, Some(_)) => "a link leads to nothing outside of the context".to_owned(),
            (None, None) => "name the Dockerfile with `-f`, or is this another directory than you meant?".to_owned(),
        })
    }
}

fn dangling(link: Option<&Path>) -> String {
    link.map_or(String::new(), |target| format!(": it is a link to `{}`, which is not there", target.display()))
}
