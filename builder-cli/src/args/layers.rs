//! `builder layers`.

use std::path::PathBuf;

use clap::Args;

use super::ListFormat;

/// Show where the bytes of an image are: what each layer adds, changes and hides, and what is there for nothing.
#[derive(Debug, Args)]
#[command(
    after_help = "Bytes are those of the files' contents, hard links once. They are wasted once a later layer has \
deleted\nor replaced the file: the layer has them all the same. Efficiency is as dive defines it: for each path\nthe \
smallest size that a layer has it with (0 where one deletes it), divided by all sizes that layers\nhave it with."
)]
pub(crate) struct LayersArgs {
    /// Name or ID
    pub(crate) image: String,
    /// Platform to take from an index [default: this machine's]
    #[arg(long, value_name = "PLATFORM")]
    pub(crate) platform: Option<String>,
    /// How many files and paths are listed
    #[arg(long, default_value_t = 10, value_name = "COUNT")]
    pub(crate) top: usize,
    /// Whole instructions
    #[arg(long)]
    pub(crate) no_trunc: bool,
    /// Form of the report
    #[arg(long, value_enum, default_value_t = ListFormat::Table)]
    pub(crate) format: ListFormat,
    /// Write a page for the browser, with nothing else beside it; `-` for standard output
    #[arg(long, value_name = "FILE")]
    pub(crate) html: Option<PathBuf>,
}
