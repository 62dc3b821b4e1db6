//! The commands about registries.

use clap::{Args, Subcommand};

use super::ProgressArg;

/// How a transfer is shown.
#[derive(Debug, Args)]
pub(crate) struct ShownArgs {
    /// How to show progress [default: the variable `BUILDKIT_PROGRESS`, else auto]
    #[arg(long, value_enum, value_name = "KIND")]
    pub(crate) progress: Option<ProgressArg>,
    /// Show no progress, print the name only
    #[arg(short, long)]
    pub(crate) quiet: bool,
}

/// How far an archive is, and how that is shown.
#[derive(Debug, Args)]
pub(crate) struct ArchiveProgressArgs {
    /// How to show progress [default: the variable `BUILDKIT_PROGRESS`, else bars on a terminal]
    #[arg(long, value_enum, value_name = "KIND")]
    pub(crate) progress: Option<ProgressArg>,
    /// Show no progress
    #[arg(short, long)]
    pub(crate) quiet: bool,
}

/// Push an image into a registry.
#[derive(Debug, Args)]
pub(crate) struct PushArgs {
    /// Name of the image, or its ID where there is a destination
    pub(crate) image: String,
    /// Where to, `NAME` or `NAME:TAG`, once or more [default: the name of the image]
    #[arg(value_name = "DESTINATION")]
    pub(crate) destinations: Vec<String>,
    /// Push every tag of the repository that the store has
    #[arg(short, long, conflicts_with = "destinations")]
    pub(crate) all_tags: bool,
    #[command(flatten)]
    pub(crate) shown: ShownArgs,
}

/// Pull an image from a registry.
#[derive(Debug, Args)]
pub(crate) struct PullArgs {
    /// Name of the image, `NAME`, `NAME:TAG` or `NAME@DIGEST`
    pub(crate) image: String,
    /// Platforms to pull for [default: the variable `DOCKER_DEFAULT_PLATFORM`, else this machine's]
    #[arg(long = "platform", value_name = "PLATFORM,…")]
    pub(crate) platforms: Vec<String>,
    /// Pull for all platforms, with what is stated about the image, byte for byte
    #[arg(long, conflicts_with = "platforms")]
    pub(crate) all_platforms: bool,
    /// Lay out the files at once; without it they are when a build or a run first needs them
    #[arg(long, conflicts_with = "all_platforms")]
    pub(crate) unpack: bool,
    /// Pull every tag of the repository
    #[arg(short, long)]
    pub(crate) all_tags: bool,
    #[command(flatten)]
    pub(crate) shown: ShownArgs,
}

/// Look into registries, and delete there.
#[derive(Debug, Args)]
pub(crate) struct RegistryArgs {
    #[command(subcommand)]
    pub(crate) command: RegistryCommand,
}

/// What is done in a registry.
#[derive(Debug, Subcommand)]
pub(crate) enum RegistryCommand {
    /// List the tags of a repository, one a line
    #[command(visible_alias = "ls")]
    Tags(RegistryTagsArgs),
    /// Delete tags, or manifests by their digests
    #[command(visible_alias = "delete")]
    Rm(RegistryRmArgs),
}

/// List the tags of a repository.
#[derive(Debug, Args)]
pub(crate) struct RegistryTagsArgs {
    /// Repository, without a tag
    pub(crate) repository: String,
}

/// Delete tags, or manifests by their digests.
#[derive(Debug, Args)]
#[command(
    after_help = "Where a registry deletes no tag by itself, the manifest goes that the tag stands for. One that \
has other\ntags, too, only goes with --force. Blobs are for the registry to collect."
)]
pub(crate) struct RegistryRmArgs {
    /// `NAME:TAG` or `NAME@DIGEST`
    #[arg(required = true)]
    pub(crate) references: Vec<String>,
    /// Also where other tags go with it
    #[arg(short, long)]
    pub(crate) force: bool,
}

/// Log in to a registry.
#[derive(Debug, Args)]
pub(crate) struct LoginArgs {
    /// Registry [default: docker.io]
    pub(crate) server: Option<String>,
    /// User
    #[arg(short, long)]
    pub(crate) username: Option<String>,
    /// Password; other users of this machine may see it
    #[arg(short, long, conflicts_with = "password_stdin")]
    pub(crate) password: Option<String>,
    /// Read the password from standard input
    #[arg(long)]
    pub(crate) password_stdin: bool,
}

/// Log out of a registry.
#[derive(Debug, Args)]
pub(crate) struct LogoutArgs {
    /// Registry [default: docker.io]
    pub(crate) server: Option<String>,
}
