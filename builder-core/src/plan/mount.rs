//! What a RUN sees besides its root filesystem (`RUN --mount`).
//!
//! Spec: dockerfile-semantics 7.

use super::op::FilesystemRef;
use crate::text::Span;

/// One mount of a RUN.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Mount {
    /// Where: absolute and clean. Nothing for a secret that is a variable only, and for the default place of an
    /// agent's socket.
    pub target: Option<String>,
    /// Whether nothing can be written there.
    pub read_only: bool,
    /// What.
    pub kind: MountKind,
    /// Where it is written.
    pub places: MountPlaces,
}

/// Where a mount is written, for messages. Equal to every other: two steps do the same wherever they stand.
#[derive(Clone, Copy, Debug, Default)]
pub struct MountPlaces {
    /// All of it.
    pub whole: Span,
    /// Its `source`; without one, all of it.
    pub source: Span,
    /// Its `target`; without one, all of it.
    pub target: Span,
}

impl PartialEq for MountPlaces {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for MountPlaces {}

/// What is mounted.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum MountKind {
    /// A file or directory of a filesystem; writes are thrown away.
    Bind(BindMount),
    /// A directory that outlives the build.
    Cache(CacheMount),
    /// An empty directory in memory.
    Tmpfs {
        /// The most bytes that it takes; without, what the kernel allows.
        size: Option<u64>,
    },
    /// A secret.
    Secret(SecretMount),
    /// The socket of an SSH agent.
    Ssh(SshMount),
}

/// A file or directory of a filesystem.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BindMount {
    /// The filesystem. Contexts come as the filesystem that holds what is selected of them.
    pub from: FilesystemRef,
    /// Whether the filesystem holds what is selected and nothing else.
    pub selected: bool,
    /// The path inside of it, absolute and clean.
    pub source: String,
}

/// A directory that outlives the build.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CacheMount {
    /// The name in the namespace: `NAMESPACE/ID`.
    pub id: String,
    /// Whether the name is the one that the target gives it.
    pub default_id: bool,
    /// What is there before the first use.
    pub from: FilesystemRef,
    /// The directory inside, absolute and clean.
    pub source: String,
    /// What happens when two want it at once.
    pub sharing: Sharing,
    /// The owner and mode of the empty directory that it begins with, where any of them is given.
    pub owner: Option<CacheOwner>,
}

/// The owner and mode of a cache that begins empty.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CacheOwner {
    /// User.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Permission bits.
    pub mode: u32,
}

/// What happens when two steps want one cache at the same time.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Sharing {
    /// They see what the other writes.
    #[default]
    Shared,
    /// The second gets another, empty one.
    Private,
    /// The second waits.
    Locked,
}

impl Sharing {
    /// Returns the word in the Dockerfile.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Shared => "shared",
            Self::Private => "private",
            Self::Locked => "locked",
        }
    }
}

/// A secret: as a file where the mount has a target, as a variable where it has a name, as both or neither.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SecretMount {
    /// The name that the caller gave it.
    pub id: String,
    /// The variable.
    pub env: Option<String>,
    /// Whether its absence is an error.
    pub required: bool,
    /// The file's user.
    pub uid: u32,
    /// The file's group.
    pub gid: u32,
    /// The file's permission bits.
    pub mode: u32,
}

/// The socket of an SSH agent.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SshMount {
    /// The name that the caller gave it.
    pub id: String,
    /// Whether its absence is an error.
    pub required: bool,
    /// The socket's user.
    pub uid: u32,
    /// The socket's group.
    pub gid: u32,
    /// The socket's permission bits.
    pub mode: u32,
}

impl Mount {
    /// Returns the filesystem that must be there before the step.
    pub fn from(&self) -> Option<FilesystemRef> {
        match &self.kind {
            MountKind::Bind(bind) => Some(bind.from),
            MountKind::Cache(cache) => Some(cache.from),
            MountKind::Tmpfs { .. } | MountKind::Secret(_) | MountKind::Ssh(_) => None,
        }
    }

    /// Returns the word in the Dockerfile.
    pub fn type_name(&self) -> &'static str {
        match &self.kind {
            MountKind::Bind(_) => "bind",
            MountKind::Cache(_) => "cache",
            MountKind::Tmpfs { .. } => "tmpfs",
            MountKind::Secret(_) => "secret",
            MountKind::Ssh(_) => "ssh",
        }
    }
}

/// A path that COPY takes for nothing but itself.
pub(crate) fn escape_pattern(path: &str) -> String {
    let mut escaped = String::with_capacity(path.len());
    for character in path.chars() {
        if matches!(character, '*' | '?' | '[' | '\\') {
            escaped.push('\\');
        }
        escaped.push(character);
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_with_wildcards_is_meant_as_it_is() {
        assert_eq!(escape_pattern("/a*[b]\\"), "/a\\*\\[b]\\\\");
    }
}
