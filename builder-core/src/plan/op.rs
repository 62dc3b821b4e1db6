//! The operations that make up a plan: what each can see, and nothing more.

use std::collections::{BTreeMap, BTreeSet};

use super::mode::ModeChange;
use super::mount::Mount;
use crate::ids::VertexId;
use crate::platform::Platform;
use crate::remote::RemoteSource;
use crate::text::Span;

/// A root filesystem in the plan: the result of a vertex, or nothing at all.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum FilesystemRef {
    /// The empty filesystem.
    Scratch,
    /// What a vertex leaves behind.
    Vertex(VertexId),
}

/// One operation. Every operation results in a root filesystem.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Op {
    /// The filesystem of an image that was resolved before planning.
    Image(ImageOp),
    /// A filesystem made of programs of this machine.
    Host(HostOp),
    /// A file or repository from elsewhere.
    Remote(RemoteSource),
    /// A command that runs on a filesystem.
    Run(RunOp),
    /// Files that come into a filesystem.
    Copy(CopyOp),
    /// A directory that must exist (`WORKDIR`).
    Workdir(WorkdirOp),
}

/// The filesystem of a resolved image.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ImageOp {
    /// The key under which the image was handed to the planner.
    pub image: ImageKey,
}

/// Names an image for a platform: the text after expansion and the platform it is wanted for.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ImageKey {
    /// The image or context name after expansion, as the user wrote it.
    pub name: String,
    /// The platform.
    pub platform: Platform,
}

/// Programs of this machine with the libraries they need (`host:sh,ls`).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct HostOp {
    /// Names or absolute paths of the programs, sorted, each once.
    pub programs: Vec<String>,
}

/// Which network a RUN sees.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub enum NetworkMode {
    /// What the builder gives by default.
    #[default]
    Default,
    /// Loopback only.
    None,
    /// The host's network.
    Host,
}

/// What a RUN may do.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub enum SecurityMode {
    /// The usual: a few capabilities, system calls filtered.
    #[default]
    Sandbox,
    /// Everything that the builder may do.
    Insecure,
}

/// A command that runs on a filesystem.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RunOp {
    /// The filesystem it runs on.
    pub parent: FilesystemRef,
    /// The arguments, the program first.
    pub args: Vec<String>,
    /// Whether the program is the shell that the instruction did not name. Says nothing that a key needs.
    pub shell_form: bool,
    /// The environment: config `Env`, then arguments in scope; each name once.
    pub env: Vec<(String, String)>,
    /// The names in the environment whose values come from `ARG`. Says nothing that a key needs.
    pub arguments: BTreeSet<String>,
    /// Proxy variables: in the environment, never in a key or in history.
    pub proxy_env: BTreeMap<String, String>,
    /// The working directory, absolute.
    pub cwd: String,
    /// The user as in the config; empty for root.
    pub user: String,
    /// The network.
    pub network: NetworkMode,
    /// What it may do.
    pub security: SecurityMode,
    /// The host name, where it is not the usual one.
    pub hostname: Option<String>,
    /// What it sees besides, in the order of the instruction.
    pub mounts: Vec<Mount>,
    /// Scripts with a shebang line, put at `/dev/pipes/NAME` for the duration: (name, content).
    pub pipes: Vec<(String, String)>,
    /// The platform of the stage.
    pub platform: Platform,
}

/// Where a copy takes its files from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum CopyFrom {
    /// A local directory by the name of its context; the main context has the empty name.
    Context(String),
    /// A filesystem of this plan.
    Filesystem(FilesystemRef),
}

/// One thing to copy.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum CopySource {
    /// A path or pattern after expansion, relative to the root of where it is taken from.
    Path {
        /// The path.
        path: String,
        /// The operand in the Dockerfile.
        span: Span,
    },
    /// What a pattern names below a directory, with the directories that lead to it (`--parents`).
    Parents {
        /// The directory, a path or pattern after expansion: the part before `/./`, else the root. It is not
        /// repeated at the destination.
        base: String,
        /// The pattern, in the language of ignore files, relative to the directory; nothing means all of it.
        pattern: String,
        /// The operand in the Dockerfile.
        span: Span,
    },
    /// A file given inline: (name, content), mode 0644, owner 0:0.
    Inline {
        /// The file's name.
        name: String,
        /// The file's content.
        content: String,
    },
}

impl CopySource {
    /// Returns the operand in the Dockerfile; inline files have none.
    pub fn span(&self) -> Option<Span> {
        match self {
            Self::Path { span, .. } | Self::Parents { span, .. } => Some(*span),
            Self::Inline { .. } => None,
        }
    }
}

/// Sources of one instruction that are taken from the same place.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CopyPart {
    /// Where paths are taken from.
    pub from: CopyFrom,
    /// What to copy, in order; paths before inline files.
    pub sources: Vec<CopySource>,
    /// Whether archives are unpacked (`ADD`).
    pub unpack: bool,
}

/// Files that come into a filesystem.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CopyOp {
    /// The filesystem they come into.
    pub parent: FilesystemRef,
    /// What to copy, in order.
    pub parts: Vec<CopyPart>,
    /// The destination: absolute; a trailing `/` means that it is a directory.
    pub destination: String,
    /// `--chown` after expansion.
    pub owner: Option<String>,
    /// `--chmod` after expansion.
    pub mode: Option<ModeChange>,
    /// `--exclude`: patterns in the language of ignore files, relative to each directory that is copied.
    pub exclude: Vec<String>,
    /// Whether the files make a layer that knows nothing of those below (`--link`).
    pub link: bool,
    /// The platform of the stage.
    pub platform: Platform,
}

impl CopyOp {
    /// Makes an operation that copies files as they are.
    pub fn new(parent: FilesystemRef, parts: Vec<CopyPart>, destination: String, platform: Platform) -> Self {
        let (owner, mode, exclude) = (None, None, Vec::new());
        Self { parent, parts, destination, owner, mode, exclude, link: false, platform }
    }
}

/// A directory that must exist.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct WorkdirOp {
    /// The filesystem it is made in.
    pub parent: FilesystemRef,
    /// The directory, absolute and clean.
    pub path: String,
    /// The user that new directories belong to, as in the config; empty for root.
    pub user: String,
}

impl Op {
    /// Returns the vertexes whose results this operation needs, each once.
    pub fn inputs(&self) -> Vec<VertexId> {
        let of = |filesystem: &FilesystemRef| match filesystem {
            FilesystemRef::Scratch => None,
            FilesystemRef::Vertex(id) => Some(*id),
        };
        let mut inputs: Vec<VertexId> = match self {
            Self::Image(_) | Self::Host(_) | Self::Remote(_) => Vec::new(),
            Self::Run(op) => {
                let mounted = op.mounts.iter().filter_map(Mount::from);
                std::iter::once(op.parent).chain(mounted).filter_map(|filesystem| of(&filesystem)).collect()
            }
            Self::Workdir(op) => of(&op.parent).into_iter().collect(),
            Self::Copy(op) => {
                let from = op.parts.iter().filter_map(|part| match &part.from {
                    CopyFrom::Filesystem(filesystem) => of(filesystem),
                    CopyFrom::Context(_) => None,
                });
                of(&op.parent).into_iter().chain(from).collect()
            }
        };
        inputs.sort_unstable();
        inputs.dedup();
        inputs
    }

    /// Returns the filesystem that the operation changes, where it changes one.
    pub fn parent(&self) -> Option<FilesystemRef> {
        match self {
            Self::Image(_) | Self::Host(_) | Self::Remote(_) => None,
            Self::Run(op) => Some(op.parent),
            Self::Copy(op) => Some(op.parent),
            Self::Workdir(op) => Some(op.parent),
        }
    }
}
