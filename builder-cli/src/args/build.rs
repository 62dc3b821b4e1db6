//! `builder build`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::RunArgs;

/// Flags of `docker build` that are not supported yet.
pub(crate) const UNSUPPORTED_FLAGS: &[&str] = &["compress", "force-rm", "rm", "squash", "debug"];
/// Options of `docker build`, with a value, that are not supported yet.
pub(crate) const UNSUPPORTED_OPTIONS: &[&str] = &["builder", "isolation", "policy", "security-opt"];

/// Build an image from a Dockerfile.
#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
#[command(after_help = "Example:\n  builder build -t hello --build-context base=host:sh,ls,cat,mkdir fixtures/hello")]
pub(crate) struct BuildArgs {
    /// Directory with the files that COPY and ADD see, a git repository, the address of a tar archive or
    /// Dockerfile, or `-` for a Dockerfile or a tar archive on standard input
    #[arg(value_name = "CONTEXT")]
    pub(crate) context: PathBuf,
    /// Name of the image, `NAME` or `NAME:TAG`; may be repeated
    #[arg(short, long = "tag", value_name = "NAME")]
    pub(crate) tags: Vec<String>,
    /// Dockerfile, `-` for standard input [default: CONTEXT/Dockerfile]
    #[arg(short, long, value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,
    /// Stage to build [default: the last one]
    #[arg(long, value_name = "STAGE")]
    pub(crate) target: Option<String>,
    /// Value for an ARG; without a value, that of the environment variable of the same name
    #[arg(long = "build-arg", value_name = "NAME[=VALUE]")]
    pub(crate) variables: Vec<String>,
    /// What a name in FROM or --from stands for: a directory, `docker-image://REF`, `oci-layout://PATH[:TAG]`, a git
    /// repository, the address of a file, `target:STAGE`, or `host:PROGRAM,…` for programs of this machine
    #[arg(long = "build-context", value_name = "NAME=VALUE")]
    pub(crate) build_contexts: Vec<String>,
    /// Label of the image; wins over LABEL
    #[arg(long = "label", value_name = "KEY=VALUE")]
    pub(crate) labels: Vec<String>,
    /// Annotation of the image, or of the LEVEL: manifest, index, manifest-descriptor or index-descriptor, of one
    /// platform or all
    #[arg(long = "annotation", value_name = "[LEVEL[PLATFORM]:]KEY=VALUE")]
    pub(crate) annotations: Vec<String>,
    /// State how the image was made (SLSA provenance): true, false, min, max, or
    /// `mode=min|max[,version=v1|v0.2][,builder-id=URL][,filename=NAME][,reproducible=true][,inline-only=true]`.
    /// None by default: with it every image becomes an index
    #[arg(long, value_name = "WHAT", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub(crate) provenance: Option<String>,
    /// The same as `type=provenance,…`; `type=sbom` needs a scanner and is not supported
    #[arg(long = "attest", value_name = "type=TYPE,…")]
    pub(crate) attestations: Vec<String>,
    /// Not supported; `false` is accepted
    #[arg(long, value_name = "WHAT", num_args = 0..=1, require_equals = true, default_missing_value = "true", hide = true)]
    pub(crate) sbom: Option<String>,
    /// Run every step, whatever the cache has
    #[arg(long)]
    pub(crate) no_cache: bool,
    /// Run every step of these stages, whatever the cache has; of all of them where no name is given
    #[arg(long, value_name = "STAGE,…")]
    pub(crate) no_cache_filter: Vec<String>,
    /// What the cache may take of the disk, images with a name aside: `20GB`, `10%` of the disk, or `none` for no
    /// limit. A build that ran something removes what was used least recently beyond that [default: the variable
    /// `BUILDER_CACHE_BUDGET`, else 10% of the disk and at least 20GB, but never more than half of it]
    #[arg(long, value_name = "BYTES")]
    pub(crate) cache_budget: Option<String>,
    /// Look for steps in a shared cache, too: a reference, `type=registry,ref=NAME` (a cache, or an image with one in
    /// it) or `type=local,src=DIR[,tag=NAME][,digest=DIGEST]`. One that cannot be used is a warning. May be repeated
    #[arg(long, value_name = "CACHE")]
    pub(crate) cache_from: Vec<String>,
    /// Share the steps of this build: `type=registry,ref=NAME`, `type=local,dest=DIR`, both with `[,mode=min|max]
    /// [,compression=gzip|zstd|uncompressed]`, or `type=inline` for a cache in the image itself. May be repeated
    #[arg(long, value_name = "CACHE")]
    pub(crate) cache_to: Vec<String>,
    /// Ask the registry for the newest base images
    #[arg(long)]
    pub(crate) pull: bool,
    /// Platforms to build for, such as `linux/amd64,linux/arm64`; several make an index [default: the variable
    /// `DOCKER_DEFAULT_PLATFORM`, else this machine's]
    #[arg(long = "platform", value_name = "PLATFORM,…")]
    pub(crate) platforms: Vec<String>,
    /// Network of RUN steps
    #[arg(long, value_enum, default_value_t = NetworkArg::Default, value_name = "MODE")]
    pub(crate) network: NetworkArg,
    /// What to do with what the linter finds in the stages that are built: nothing, tell, or end the build
    #[arg(long, value_enum, value_name = "WHAT", default_value = "warn")]
    pub(crate) lint: LintArg,
    /// What to do: `build`, or say what there is to say about the Dockerfile (`check`, `outline`, `targets`,
    /// `subrequests.describe`), with `,format=json` for programs
    #[arg(long, value_name = "METHOD", default_value = "build")]
    pub(crate) call: String,
    /// Make the build checks and build nothing, as with `--call check`
    #[arg(long)]
    pub(crate) check: bool,
    /// How to show progress [default: the variable `BUILDKIT_PROGRESS`, else auto]
    #[arg(long, value_enum, value_name = "KIND")]
    pub(crate) progress: Option<ProgressArg>,
    /// Say of every step that ran what is not as it was: a file of a COPY, an ARG or ENV, the base image, an earlier
    /// step, a flag; and of every step that was cached which build made it. JSON progress and the metadata file always do
    #[arg(long)]
    pub(crate) explain: bool,
    /// Show no progress, print the image's ID
    #[arg(short, long)]
    pub(crate) quiet: bool,
    /// Write the image's ID into a file
    #[arg(long, value_name = "FILE")]
    pub(crate) iidfile: Option<PathBuf>,
    /// Write what was built into a file, as JSON
    #[arg(long, value_name = "FILE")]
    pub(crate) metadata_file: Option<PathBuf>,
    /// Where to write the result: a directory, `-` for a tar on standard output, or
    /// `type=image|registry|oci|docker|tar|local|cacheonly[,dest=PATH][,name=NAME][,compression=gzip|zstd|uncompressed]…`
    /// with the attributes that BuildKit has; an unknown one is answered with those that there are. May be repeated
    #[arg(short, long = "output", value_name = "OUTPUT")]
    pub(crate) outputs: Vec<String>,
    /// Put the image into the store, which is where images go anyway unless --output says otherwise
    #[arg(long)]
    pub(crate) load: bool,
    /// Push the image into the registries of its names, as `--output type=registry` does
    #[arg(long)]
    pub(crate) push: bool,
    /// No time in the image is later than this, seconds since 1970 [default: the variable `SOURCE_DATE_EPOCH`].
    /// Layers are made with it, so that `rewrite-timestamp` of an output, true or false, changes nothing
    #[arg(long, value_name = "SECONDS")]
    pub(crate) timestamp: Option<i64>,
    /// Show the plan and build nothing
    #[arg(long, value_enum, value_name = "FORM")]
    pub(crate) print_plan: Option<PrintPlan>,
    #[command(flatten)]
    pub(crate) run: RunArgs,
}

/// The network of RUN steps.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(crate) enum NetworkArg {
    /// The host's, for now
    Default,
    /// Loopback only
    None,
    /// The host's
    Host,
}

/// What to do with findings.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(crate) enum LintArg {
    /// Do not look
    Off,
    /// Tell
    Warn,
    /// End the build before any step runs, where something is a warning or an error
    Error,
}

/// How to show progress.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(crate) enum ProgressArg {
    /// `tty` on a terminal, else `plain`
    Auto,
    /// A display that is redrawn in place
    Tty,
    /// Lines of text
    Plain,
    /// Lines of JSON
    Rawjson,
    /// Nothing
    Quiet,
}

/// How to show a plan.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(crate) enum PrintPlan {
    /// For people
    Text,
    /// For Graphviz
    Dot,
}
