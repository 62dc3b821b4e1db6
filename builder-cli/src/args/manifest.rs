//! `builder manifest`.

use clap::{Args, Subcommand};

use super::ProgressArg;

/// Put images together under one name, one for each platform.
#[derive(Debug, Args)]
pub(crate) struct ManifestArgs {
    #[command(subcommand)]
    pub(crate) command: ManifestCommand,
}

/// The commands about lists of images.
#[derive(Debug, Subcommand)]
pub(crate) enum ManifestCommand {
    /// Make a list of images
    Create(ManifestCreateArgs),
    /// Change what a list says of the platform of an image
    Annotate(ManifestAnnotateArgs),
    /// Show a manifest or list
    Inspect(ManifestInspectArgs),
    /// Push a list with its images
    Push(ManifestPushArgs),
    /// Remove lists; their images stay
    Rm(ManifestRmArgs),
}

/// Make a list of images; it is an image of the store under its name.
#[derive(Debug, Args)]
pub(crate) struct ManifestCreateArgs {
    /// Name of the list
    pub(crate) list: String,
    /// Images of the store, or else of a registry; of one for several platforms, all
    #[arg(required = true)]
    pub(crate) images: Vec<String>,
    /// Add to a list that there is
    #[arg(short, long)]
    pub(crate) amend: bool,
    /// Take what the registries of the images say without verifying their certificates, or without encryption
    #[arg(long)]
    pub(crate) insecure: bool,
}

/// Change what a list says of the platform of an image.
#[derive(Debug, Args)]
pub(crate) struct ManifestAnnotateArgs {
    /// Name of the list
    pub(crate) list: String,
    /// The image in it, by the name that it was added under or by its digest
    pub(crate) image: String,
    /// Architecture
    #[arg(long)]
    pub(crate) arch: Option<String>,
    /// Operating system
    #[arg(long)]
    pub(crate) os: Option<String>,
    /// Further features of the operating system
    #[arg(long, value_name = "FEATURE,…", value_delimiter = ',')]
    pub(crate) os_features: Vec<String>,
    /// Version of the operating system
    #[arg(long, value_name = "VERSION")]
    pub(crate) os_version: Option<String>,
    /// Variant of the architecture
    #[arg(long)]
    pub(crate) variant: Option<String>,
}

/// Show a manifest or list: of the store where it was made here, else as its registry has it.
#[derive(Debug, Args)]
pub(crate) struct ManifestInspectArgs {
    /// Name of an image or a list
    pub(crate) name: String,
    /// An image in the list, by the name that it was added under or by its digest
    pub(crate) image: Option<String>,
    /// Also the manifests of a list, each with its descriptor
    #[arg(short, long)]
    pub(crate) verbose: bool,
    /// Take what the registry says without verifying its certificate, or without encryption
    #[arg(long)]
    pub(crate) insecure: bool,
}

/// Push a list with its images to where its name says; layers that the registry has are not sent.
#[derive(Debug, Args)]
pub(crate) struct ManifestPushArgs {
    /// Name of the list
    pub(crate) list: String,
    /// Push without verifying the certificate of the registry, or without encryption
    #[arg(long)]
    pub(crate) insecure: bool,
    /// Remove the list from the store once it is pushed
    #[arg(short, long)]
    pub(crate) purge: bool,
    /// How to show progress [default: the variable `BUILDKIT_PROGRESS`, else auto]
    #[arg(long, value_enum, value_name = "KIND")]
    pub(crate) progress: Option<ProgressArg>,
    /// Show no progress, print the digest only
    #[arg(short, long)]
    pub(crate) quiet: bool,
}

/// Remove lists; their images stay.
#[derive(Debug, Args)]
pub(crate) struct ManifestRmArgs {
    /// Names of lists
    #[arg(required = true)]
    pub(crate) lists: Vec<String>,
}
