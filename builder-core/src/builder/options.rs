//! What a build is asked to do.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use super::provenance::Provenance;
use crate::image::{Annotation, ImageForm};
use crate::plan::Entitlement;
use crate::plan::op::NetworkMode;
use crate::platform::Platform;
use crate::reference::Reference;
use crate::remote::GitSource;
use crate::sandbox::ResolvConf;
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

/// How an image is pushed (`push=true`).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct PushOutput {
    /// `push-by-digest=true`: it gets no tag in the registry.
    pub by_digest: bool,
    /// `registry.insecure=true`: certificates are not verified, and http is taken where there is no encryption.
    pub insecure: bool,
}

/// One `--output`.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
#[expect(clippy::struct_excessive_bools, reason = "each is an attribute of its own")]
pub struct Output {
    /// The form.
    pub kind: OutputKind,
    /// The place.
    pub target: ExportTarget,
    /// `tar=false`: an OCI layout as a directory rather than an archive.
    pub directory: bool,
    /// Media types and compression; for archives layers are in gzip where it says nothing.
    pub form: ImageForm,
    /// `name=`: names besides the tags.
    pub names: Vec<Reference>,
    /// `annotation…=`: annotations besides those of the build.
    pub annotations: Vec<Annotation>,
    /// `store=false`: an image is put together, and not kept.
    pub store: bool,
    /// `push=true`: the image goes into the registries of its names, its layers in gzip where nothing else is said.
    pub push: Option<PushOutput>,
    /// `dangling-name-prefix=`: what an image without a name is called, before `@` and its digest.
    pub dangling_prefix: Option<String>,
    /// `name-canonical=true`: every name is there with the digest, too.
    pub canonical_names: bool,
    /// `source-date-epoch=`, seconds since 1970; the inner `None` takes away what build args say.
    pub source_date_epoch: Option<Option<i64>>,
    /// `rewrite-timestamp=true`: times in layers are to be those of the epoch. They always are; without one there is a
    /// warning.
    pub rewrite_timestamp: bool,
    /// `platform-split=`: a directory for each platform; by default where there are several.
    pub platform_split: Option<bool>,
    /// `mode=delete`: what the result does not have goes from the directory.
    pub mirror: bool,
    /// `attestation-prefix=`: what the names of statements begin with.
    pub attestation_prefix: String,
}

impl Output {
    /// Makes an output with default attributes.
    pub fn new(kind: OutputKind, target: ExportTarget) -> Self {
        Self {
            kind,
            target,
            directory: false,
            form: ImageForm::default(),
            names: Vec::new(),
            annotations: Vec::new(),
            store: true,
            push: None,
            dangling_prefix: None,
            canonical_names: false,
            source_date_epoch: None,
            rewrite_timestamp: false,
            platform_split: None,
            mirror: false,
            attestation_prefix: String::new(),
        }
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
    /// How the build was asked for, as later builds are told which one made what they find: without anything secret.
    pub command: String,
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
    /// `--annotation`: of every image that is put together.
    pub annotations: Vec<Annotation>,
    /// `--provenance`: what is stated about how the image was made; nothing where there is none.
    pub provenance: Option<Provenance>,
    /// `--no-cache`.
    pub no_cache: bool,
    /// `--no-cache-filter`: stages whose steps run whatever the cache has, letter case aside; an empty name means all.
    pub no_cache_stages: Vec<String>,
    /// `--cache-from`: caches of others, asked in this order.
    pub cache_from: Vec<crate::cache::shared::CacheOrigin>,
    /// `--cache-to`.
    pub cache_to: Vec<super::CacheExport>,
    /// `--pull`.
    pub pull: PullPolicy,
    /// `--platform`; empty for the host's. Several make an index.
    pub platforms: Vec<Platform>,
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
    /// Where steps find names on the network.
    pub resolv_conf: ResolvConf,
    /// Steps that may run at the same time.
    pub parallelism: usize,
    /// How many bytes of the disk the cache may take, images with a name aside: when a build that ran something ends,
    /// what was used least recently goes beyond that. No limit where there is nothing.
    pub cache_budget: Option<u64>,
    /// How the Dockerfile is linted; not at all where there is nothing.
    #[cfg(feature = "lint")]
    pub lint: Option<super::lint::BuildLint>,
    /// Which of BuildKit's build checks are told.
    #[cfg(feature = "lint")]
    pub checks: super::checks::CheckScope,
}

impl BuildOptions {
    /// Makes options for a context directory, everything else at its default.
    pub fn new(context: ContextSource) -> Self {
        Self {
            context,
            dockerfile: DockerfileSource::Default,
            command: String::new(),
            tags: Vec::new(),
            target: None,
            build_args: BTreeMap::new(),
            contexts: BTreeMap::new(),
            labels: BTreeMap::new(),
            annotations: Vec::new(),
            provenance: None,
            no_cache: false,
            no_cache_stages: Vec::new(),
            cache_from: Vec::new(),
            cache_to: Vec::new(),
            pull: PullPolicy::Missing,
            platforms: Vec::new(),
            network: NetworkMode::Default,
            secrets: BTreeMap::new(),
            ssh: BTreeMap::new(),
            allow: BTreeSet::new(),
            run: RunOptions::default(),
            outputs: Vec::new(),
            source_date_epoch: None,
            now: (0, 0),
            resolv_conf: ResolvConf::default(),
            parallelism: 16,
            cache_budget: None,
            #[cfg(feature = "lint")]
            lint: None,
            #[cfg(feature = "lint")]
            checks: super::checks::CheckScope::default(),
        }
    }
}
