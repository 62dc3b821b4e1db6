//! What a plan is made from, besides the Dockerfile.

use std::collections::{BTreeMap, BTreeSet};

use super::Plan;
use super::op::{ImageKey, NetworkMode};
use crate::digest::Digest;
use crate::oci::ImageConfig;
use crate::platform::Platform;
use crate::remote::RemoteSource;
use crate::text::Span;

/// Options of a plan.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct PlanOptions {
    /// `--target`.
    pub target: Option<String>,
    /// `--build-arg`.
    pub build_args: BTreeMap<String, String>,
    /// The platform to build for.
    pub platform: Platform,
    /// Whether the user asked for `platform` explicitly.
    pub explicit_platform: bool,
    /// Whether the build is for several platforms: then the names of steps say for which.
    pub multi_platform: bool,
    /// The platform that steps run on.
    pub build_platform: Platform,
    /// `--label`.
    pub labels: BTreeMap<String, String>,
    /// `--network`.
    pub network: NetworkMode,
    /// `--allow`: what steps may do beyond the usual.
    pub allow: BTreeSet<Entitlement>,
    /// `--build-context`, by name.
    pub contexts: BTreeMap<String, NamedContext>,
    /// The patterns of the main context's ignore file are applied by whoever scans it; the planner only
    /// needs to know whether there is a main context at all.
    pub has_main_context: bool,
}

impl PlanOptions {
    /// Makes options for a platform, everything else at its default.
    pub fn new(platform: Platform, build_platform: Platform) -> Self {
        Self {
            target: None,
            build_args: BTreeMap::new(),
            platform,
            explicit_platform: false,
            multi_platform: false,
            build_platform,
            labels: BTreeMap::new(),
            network: NetworkMode::Default,
            allow: BTreeSet::new(),
            contexts: BTreeMap::new(),
            has_main_context: true,
        }
    }
}

/// Something that a step may do only where the caller allows it (`--allow`).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Entitlement {
    /// Use the host's network by name (`RUN --network=host`).
    NetworkHost,
    /// Run with all privileges (`RUN --security=insecure`).
    SecurityInsecure,
}

impl Entitlement {
    /// Returns its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NetworkHost => "network.host",
            Self::SecurityInsecure => "security.insecure",
        }
    }
}

/// What a name given with `--build-context` stands for, as far as the plan needs to know.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum NamedContext {
    /// A local directory.
    Local,
    /// An image (`docker-image://REF`, `oci-layout://PATH`): resolved by the caller under this name.
    Image,
    /// Programs of this machine (`host:sh,ls`), sorted, each once.
    Host(Vec<String>),
    /// A file of a web server, or a git repository.
    Remote(RemoteSource),
    /// What a stage of this Dockerfile leaves behind (`target:NAME`).
    Stage(String),
    /// Nothing at all (`docker-image://scratch`).
    Scratch,
}

/// An image that the caller resolved.
#[derive(Clone, PartialEq, Debug)]
pub struct ResolvedImage {
    /// Its config.
    pub config: ImageConfig,
    /// The digest of its manifest.
    pub digest: Digest,
    /// The full reference for step names: `docker.io/library/debian:12`.
    pub display: String,
}

/// An image that the plan needs.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct ImageRequest {
    /// Name and platform.
    pub key: ImageKey,
    /// The operand that asks for it.
    pub span: Span,
}

/// What `SOURCE_DATE_EPOCH` takes the time of.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum EpochSource {
    /// The main context.
    MainContext,
    /// A file or repository from elsewhere.
    Remote(RemoteSource),
    /// Something without a time of its own.
    Nothing,
}

/// The answer of the planner.
#[derive(Clone, PartialEq, Debug)]
pub enum Planned {
    /// The plan is complete.
    Ready(Box<Plan>),
    /// These images must be resolved first, then ask again with them added.
    NeedImages(Vec<ImageRequest>),
    /// The time of this must be known first, then ask again with it as the build arg `SOURCE_DATE_EPOCH`; with an
    /// empty one where it has none.
    NeedEpoch(EpochSource),
}
