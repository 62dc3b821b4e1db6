//! The commands about images.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

/// The form of a list.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(crate) enum ListFormat {
    /// Columns
    Table,
    /// A JSON object a line
    Json,
}

/// List images.
#[derive(Debug, Args)]
pub(crate) struct ImagesArgs {
    /// Only the images' IDs
    #[arg(short, long)]
    pub(crate) quiet: bool,
    /// Whole digests
    #[arg(long)]
    pub(crate) no_trunc: bool,
    /// Form of the list
    #[arg(long, value_enum, default_value_t = ListFormat::Table)]
    pub(crate) format: ListFormat,
}

/// Show the history of an image.
#[derive(Debug, Args)]
pub(crate) struct HistoryArgs {
    /// Name or ID
    pub(crate) image: String,
    /// Whole instructions
    #[arg(long)]
    pub(crate) no_trunc: bool,
    /// Only the digests of the layers
    #[arg(short, long)]
    pub(crate) quiet: bool,
    /// Form of the list
    #[arg(long, value_enum, default_value_t = ListFormat::Table)]
    pub(crate) format: ListFormat,
}

/// Show what is known of images.
#[derive(Debug, Args)]
pub(crate) struct InspectArgs {
    /// Names or IDs
    #[arg(required = true)]
    pub(crate) images: Vec<String>,
}

/// Give an image another name.
#[derive(Debug, Args)]
pub(crate) struct TagArgs {
    /// Name or ID
    pub(crate) source: String,
    /// The other name
    pub(crate) target: String,
}

/// Take names away; an image whose last name goes, or that had none, goes too.
#[derive(Debug, Args)]
pub(crate) struct RmiArgs {
    /// Names or IDs
    #[arg(required = true)]
    pub(crate) images: Vec<String>,
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
    /// File to write [default: standard output]
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Form of the archive
    #[arg(long, value_enum, default_value_t = SaveFormat::Docker)]
    pub(crate) format: SaveFormat,
}

/// Put the images of an archive into the store.
#[derive(Debug, Args)]
pub(crate) struct LoadArgs {
    /// Archive [default: standard input]
    #[arg(short, long, value_name = "FILE")]
    pub(crate) input: Option<PathBuf>,
    /// Say nothing
    #[arg(short, long)]
    pub(crate) quiet: bool,
}

/// Make an image of a root filesystem's tar archive.
#[derive(Debug, Args)]
pub(crate) struct ImportArgs {
    /// Archive, in gzip, bzip2, xz, zstd or plain; `-` for standard input
    pub(crate) file: PathBuf,
    /// Name of the image
    pub(crate) name: String,
}

/// Say how builds would run on this machine.
#[derive(Debug, Args)]
pub(crate) struct InfoArgs {
    /// Form of the report
    #[arg(long, value_enum, default_value_t = ListFormat::Table)]
    pub(crate) format: ListFormat,
}
