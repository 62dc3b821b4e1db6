//! What a build is asked to do.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use crate::layer::compression::Compression;
use crate::plan::Entitlement;
use crate::plan::op::NetworkMode;
use crate::platform::Platform;
use crate::reference::Reference;
use crate::remote::GitSource;
use crate::secret::{SecretSource, SshSource};
use crate::solve::RunOptions;

/// Where the build context comes from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ContextSource {
    /// A directory of this machine.
    Directory(PathBuf),
    /// A directory that the caller unpacked an archive into: no ignore file applies, and owners are those of the
    /// archive.
    Unpacked {
        /// The directory.
        directory: PathBuf,
        /// The newest time in the archive, seconds since 1970.
        modified: Option<i64>,
    },
    /// A git repository.
    Git(GitSource),
    /// An archive on a web server, or a Dockerfile.
    Http(String),
    /// No files at all (a Dockerfile on standard input).
    Empty,
}

/// Where the Dockerfile comes from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum DockerfileSource {
    /// `Dockerfile` (or `dockerfile`) at the root of the context.
    Default,
    /// A path of this machine.
    Path(PathBuf),
    /// A path in the context, which never leads out of it.
    InContext(PathBuf),
    /// The text itself, with the name to show for it.
    Inline {
        /// The name for messages.
        name: String,
        /// The text, as bytes.
        text: Vec<u8>,
    },
}

/// A named context (`--build-context NAME=…`).
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum NamedContextSource {
    /// A directory of this machine.
    Directory(PathBuf),
    /// An image by reference (`docker-image://REF`).
    Image(Reference),
    /// An OCI layout directory or OCI/docker archive file (`oci-layout://PATH[:TAG][@DIGEST]`).
    OciLayout {
        /// The directory or archive file.
        path: PathBuf,
        /// The `org.opencontainers.image.ref.name` to take, where given.
        tag: Option<String>,
        /// The manifest digest to take, where given.
        digest: Option<crate::digest::Digest>,
    },
    /// Programs of this machine (`host:sh,ls`).
    Host(Vec<String>),
    /// A git repository.
    Git(GitSource),
    /// A single file of a web server; it is called `context`.
    Http(String),
    /// A stage of the Dockerfile (`target:NAME`).
    Stage(String),
    /// Nothing (`docker-image://scratch`).
    Scratch,
}

/// When to ask a registry.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum PullPolicy {
    /// Only for what the store does not have.
    #[default]
    Missing,
    /// Always ask for the newest (`--pull`).
    Always,
}

/// What form a result is written in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum OutputKind {
    /// An image in the store (the default).
    Image,
    /// An OCI image layout.
    Oci,
    /// An archive for `docker load`, which is an OCI layout too.
    Docker,
    /// The root filesystem as a tar.
    Tar,
    /// The root filesystem as a directory.
    Local,
    /// Nothing (`type=cacheonly`).
    CacheOnly,
}

/// Where a result is written to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ExportTarget {
    /// Nowhere but the store.
    Store,
    /// A file or directory.
    Path(PathBuf),
    /// The writer that the caller passes (standard output).
    Stdout,
}

/// One `--output`.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Output {
    /// The form.
    pub kind: OutputKind,
    /// The place.
    pub target: ExportTarget,
    /// `tar=false`: an OCI layout as a directory rather than an archive.
    pub directory: bool,
    /// `compression=`.
    pub compression: Compression,
    /// `name=`: names in the archive besides the tags.
    pub names: Vec<Reference>,
}

impl Output {
    /// Makes an output with default attributes.
    pub fn new(kind: OutputKind, target: ExportTarget) -> Self {
        Self { kind, target, directory: false, compression: Compression::default(), names: Vec::new() }
    }
}

/// Options of one build.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct BuildOptions {
    /// The main context.
    pub context: ContextSource,
    /// The Dockerfile.
    pub dockerfile: DockerfileSource,
    /// Names for the image (`--tag`).
    pub tags: Vec<Reference>,
    /// `--target`; an empty one is none.
    pub target: Option<String>,
    /// `--build-arg`.
    pub build_args: BTreeMap<String, String>,
    /// `--build-context`.
    pub contexts: BTreeMap<String, NamedContextSource>,
    /// `--label`.
    pub labels: BTreeMap<String, String>,
    /// `--no-cache`.
    pub no_cache: bool,
    /// `--pull`.
    pub pull: PullPolicy,
    /// `--platform`; `None` for the host's.
    pub platform: Option<Platform>,
    /// `--network`.
    pub network: NetworkMode,
    /// `--secret`, by id.
    pub secrets: BTreeMap<String, SecretSource>,
    /// `--ssh`, by id.
    pub ssh: BTreeMap<String, SshSource>,
    /// `--allow`.
    pub allow: BTreeSet<Entitlement>,
    /// What RUN steps are given and limited to.
    pub run: RunOptions,
    /// `--output`; empty for an image in the store.
    pub outputs: Vec<Output>,
    /// Times that reach the image are clamped to this, seconds since 1970.
    pub source_date_epoch: Option<i64>,
    /// The time of the build for images without an epoch, seconds and nanoseconds since 1970.
    pub now: (i64, u32),
    /// The content of `/etc/resolv.conf` for steps with a network.
    pub resolv_conf: String,
    /// Steps that may run at the same time.
    pub parallelism: usize,
    /// How the Dockerfile is linted; not at all where there is nothing.
    #[cfg(feature = "lint")]
    pub lint: Option<super::lint::BuildLint>,
}

impl BuildOptions {
    /// Makes options for a context directory, everything else at its default.
    pub fn new(context: ContextSource) -> Self {
        Self {
            context,
            dockerfile: DockerfileSource::Default,
            tags: Vec::new(),
            target: None,
            build_args: BTreeMap::new(),
            contexts: BTreeMap::new(),
            labels: BTreeMap::new(),
            no_cache: false,
            pull: PullPolicy::Missing,
            platform: None,
            network: NetworkMode::Default,
            secrets: BTreeMap::new(),
            ssh: BTreeMap::new(),
            allow: BTreeSet::new(),
            run: RunOptions::default(),
            outputs: Vec::new(),
            source_date_epoch: None,
            now: (0, 0),
            resolv_conf: String::new(),
            parallelism: 16,
            #[cfg(feature = "lint")]
            lint: None,
        }
    }
}
