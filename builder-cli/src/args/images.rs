//! The commands about images.

use std::path::PathBuf;

use clap::{ArgAction, Args, Subcommand, ValueEnum};

use super::ArchiveProgressArgs;

/// The form of a list.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(crate) enum ListFormat {
    /// Columns
    Table,
    /// A JSON object a line
    Json,
}

/// What the store's images can be asked and told, under docker's names.
#[derive(Debug, Args)]
pub(crate) struct ImageArgs {
    #[command(subcommand)]
    pub(crate) command: ImageCommand,
}

/// The commands of `builder image`: each is also one of its own.
#[derive(Debug, Subcommand)]
pub(crate) enum ImageCommand {
    /// List images (`builder images`)
    #[command(visible_alias = "list")]
    Ls(ImagesArgs),
    /// Show the history of an image, newest first
    History(HistoryArgs),
    /// Show what is known of images, as JSON
    Inspect(InspectArgs),
    /// Give an image another name
    Tag(TagArgs),
    /// Take names away from an image, which stays
    Untag(UntagArgs),
    /// Remove images (`builder rmi`)
    #[command(visible_alias = "remove")]
    Rm(RmiArgs),
    /// Remove images without a name
    Prune(ImagePruneArgs),
    /// Write images into an archive
    Save(SaveArgs),
    /// Put the images of an archive into the store
    Load(LoadArgs),
    /// Write the root filesystem of an image as a tar archive
    Export(ExportArgs),
    /// Make an image of a root filesystem's tar archive
    Import(ImportArgs),
    /// Show in what two images differ
    Diff(DiffArgs),
}

/// The form of a list, with templates.
#[derive(Debug, Args)]
pub(crate) struct FormatArgs {
    /// Form of the list: `table`, `json` (an object a line), a template such as `{{.ID}}`, or `table` and a template
    /// with columns between tabs (`table {{.ID}}\t{{.Size}}`)
    #[arg(long, value_name = "FORMAT")]
    pub(crate) format: Option<String>,
}

/// List images.
#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
pub(crate) struct ImagesArgs {
    /// Only images of this name; `*`, `?` and `[…]` stand for characters other than `/`
    #[arg(value_name = "REPOSITORY[:TAG]")]
    pub(crate) repository: Option<String>,
    /// All images: docker hides those between two steps without it; here there are none
    #[arg(short, long)]
    pub(crate) all: bool,
    /// Only the images' IDs
    #[arg(short, long)]
    pub(crate) quiet: bool,
    /// Whole digests
    #[arg(long)]
    pub(crate) no_trunc: bool,
    /// Also the digests of the manifests
    #[arg(long)]
    pub(crate) digests: bool,
    /// Also what an image shares with others, and what is its own
    #[arg(short, long)]
    pub(crate) verbose: bool,
    /// Only images that fit: `reference=PATTERN`, `dangling=true|false` (without a name), `label=KEY[=VALUE]`,
    /// `before=IMAGE`, `since=IMAGE`, `until=24h` or `until=TIME` (made before). May be repeated: all must fit, of
    /// references one
    #[arg(short, long = "filter", value_name = "FILTER")]
    pub(crate) filters: Vec<String>,
    #[command(flatten)]
    pub(crate) format: FormatArgs,
}

/// Show the history of an image.
#[derive(Debug, Args)]
pub(crate) struct HistoryArgs {
    /// Name or ID
    pub(crate) image: String,
    /// Whole instructions and IDs
    #[arg(long)]
    pub(crate) no_trunc: bool,
    /// Only the IDs
    #[arg(short, long)]
    pub(crate) quiet: bool,
    /// Sizes and times for people; with `=false` bytes and dates
    #[arg(
        short = 'H', long, value_name = "BOOL", action = ArgAction::Set, default_value_t = true, num_args = 0..=1,
        require_equals = true, default_missing_value = "true", hide_default_value = true, hide_possible_values = true
    )]
    pub(crate) human: bool,
    /// The image of an index that is meant [default: the one for this machine]
    #[arg(long, value_name = "PLATFORM")]
    pub(crate) platform: Option<String>,
    #[command(flatten)]
    pub(crate) format: FormatArgs,
}

/// A document of an image.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(crate) enum RawDocument {
    /// How it runs, and where its layers came from
    Config,
    /// Config and layers
    Manifest,
    /// Its images for several platforms; the manifest where there is one image
    Index,
}

/// What can be inspected.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(crate) enum InspectType {
    /// Images
    Image,
}

/// Show what is known of images.
#[derive(Debug, Args)]
pub(crate) struct InspectArgs {
    /// Names or IDs
    #[arg(required = true)]
    pub(crate) images: Vec<String>,
    /// Form: `json` (an object a line) or a template such as `{{.Id}}` [default: an array]
    #[arg(short, long, value_name = "FORMAT", conflicts_with = "raw")]
    pub(crate) format: Option<String>,
    /// A document as it is, byte for byte
    #[arg(long, value_enum, value_name = "DOCUMENT")]
    pub(crate) raw: Option<RawDocument>,
    /// The image of an index that is meant [default: the one for this machine]
    #[arg(long, value_name = "PLATFORM")]
    pub(crate) platform: Option<String>,
    /// What is meant: there are only images
    #[arg(long = "type", value_enum, value_name = "TYPE", default_value_t = InspectType::Image, hide = true)]
    pub(crate) kind: InspectType,
}

/// Give an image another name.
#[derive(Debug, Args)]
pub(crate) struct TagArgs {
    /// Name or ID
    pub(crate) source: String,
    /// The other names
    #[arg(required = true)]
    pub(crate) targets: Vec<String>,
}

/// Take names away from an image, which stays.
#[derive(Debug, Args)]
pub(crate) struct UntagArgs {
    /// Name or ID of the image
    pub(crate) image: String,
    /// The names to take away [default: all]
    pub(crate) names: Vec<String>,
}

/// Take names away; an image whose last name goes, or that had none, goes too.
#[derive(Debug, Args)]
pub(crate) struct RmiArgs {
    /// Names or IDs
    #[arg(required = true)]
    pub(crate) images: Vec<String>,
    /// By ID also images with several names; and no failure where an image does not exist
    #[arg(short, long)]
    pub(crate) force: bool,
}

/// Remove images.
#[derive(Debug, Args)]
pub(crate) struct ImagePruneArgs {
    /// All images, not only those without a name
    #[arg(short, long)]
    pub(crate) all: bool,
    /// Do not ask on standard input, the end of which means no
    #[arg(short, long)]
    pub(crate) force: bool,
    /// Only images that fit: `until=24h` or `until=TIME` (made before), `label=KEY[=VALUE]`, `label!=KEY[=VALUE]`
    #[arg(long = "filter", value_name = "FILTER")]
    pub(crate) filters: Vec<String>,
}

/// The form of an archive.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(crate) enum SaveFormat {
    /// For `docker load` and `podman load`
    Docker,
    /// An OCI image layout
    Oci,
}

/// Write images into an archive.
#[derive(Debug, Args)]
pub(crate) struct SaveArgs {
    /// Names or IDs
    #[arg(required = true)]
    pub(crate) images: Vec<String>,
    /// File to write, `-` for standard output [default: standard output]
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Form of the archive
    #[arg(long, value_enum, default_value_t = SaveFormat::Docker)]
    pub(crate) format: SaveFormat,
    /// Only the images for these platforms [default: all that are there]
    #[arg(long = "platform", value_name = "PLATFORM", value_delimiter = ',')]
    pub(crate) platforms: Vec<String>,
    #[command(flatten)]
    pub(crate) shown: ArchiveProgressArgs,
}

/// Put the images of an archive into the store.
#[derive(Debug, Args)]
pub(crate) struct LoadArgs {
    /// Archive, or a directory with an OCI image layout; `-` for standard input [default: standard input]
    #[arg(short, long, value_name = "FILE")]
    pub(crate) input: Option<PathBuf>,
    /// Only the image for this platform [default: all that are there]
    #[arg(long, value_name = "PLATFORM")]
    pub(crate) platform: Option<String>,
    #[command(flatten)]
    pub(crate) shown: ArchiveProgressArgs,
}

/// Write the root filesystem of an image as a tar archive.
#[derive(Debug, Args)]
pub(crate) struct ExportArgs {
    /// Name or ID
    pub(crate) image: String,
    /// File to write, `-` for standard output [default: standard output]
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// The image of an index that is meant [default: the one for this machine]
    #[arg(long, value_name = "PLATFORM")]
    pub(crate) platform: Option<String>,
    #[command(flatten)]
    pub(crate) shown: ArchiveProgressArgs,
}

/// Make an image of a root filesystem's tar archive.
#[derive(Debug, Args)]
pub(crate) struct ImportArgs {
    /// Archive, in gzip, bzip2, xz, zstd or plain; an address of http or https; `-` for standard input
    pub(crate) file: PathBuf,
    /// Name of the image
    pub(crate) name: Option<String>,
    /// An instruction that says how the image runs: CMD, ENTRYPOINT, ENV, EXPOSE, HEALTHCHECK, LABEL, ONBUILD,
    /// STOPSIGNAL, USER, VOLUME or WORKDIR. May be repeated
    #[arg(short, long = "change", value_name = "INSTRUCTION")]
    pub(crate) changes: Vec<String>,
    /// The comment in the history [default: where it came from]
    #[arg(short, long, value_name = "TEXT")]
    pub(crate) message: Option<String>,
    /// The platform of the programs in it [default: this machine's]
    #[arg(long, value_name = "PLATFORM")]
    pub(crate) platform: Option<String>,
    #[command(flatten)]
    pub(crate) shown: ArchiveProgressArgs,
}

/// The form of a comparison.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(crate) enum DiffFormat {
    /// A line a difference
    Text,
    /// One object
    Json,
}

/// Show in what two images differ.
#[derive(Debug, Args)]
pub(crate) struct DiffArgs {
    /// Name or ID of the one image
    pub(crate) before: String,
    /// Name or ID of the other one
    pub(crate) after: String,
    /// Form of the report
    #[arg(long, value_enum, default_value_t = DiffFormat::Text)]
    pub(crate) format: DiffFormat,
    /// Exit with 1 where they differ
    #[arg(long)]
    pub(crate) exit_code: bool,
    /// The image of an index that is meant [default: the one for this machine]
    #[arg(long, value_name = "PLATFORM")]
    pub(crate) platform: Option<String>,
}

/// Say how builds would run on this machine.
#[derive(Debug, Args)]
pub(crate) struct InfoArgs {
    /// Form of the report
    #[arg(long, value_enum, default_value_t = ListFormat::Table)]
    pub(crate) format: ListFormat,
}
