//! The commands about the cache and about what the store takes of the disk.

use clap::{Args, Subcommand};

use super::{FormatArgs, ListFormat};

/// What the cache holds.
#[derive(Debug, Args)]
pub(crate) struct CacheArgs {
    #[command(subcommand)]
    pub(crate) command: CacheCommand,
}

/// The commands about the cache.
#[derive(Debug, Subcommand)]
pub(crate) enum CacheCommand {
    /// List what is in the cache, what was used last first
    Ls(CacheLsArgs),
    /// Show what the cache takes of the disk
    Du(CacheDuArgs),
    /// Remove what neither an image nor a running build needs
    Prune(CachePruneArgs),
}

/// Which things in the cache are meant.
#[derive(Debug, Args)]
pub(crate) struct CacheFilterArgs {
    /// Only things that fit: `until=24h` or `until=TIME` (not used since), `id=ID`, `type=TYPE` (regular,
    /// exec.cachemount, source.local, source.git.checkout, internal, download), `description=TEXT`, and `inuse`,
    /// `shared`, `private`, `mutable`, `immutable` or `dangling`, which may be `=true` or `=false`. `!=` turns it
    /// round, `~=` takes a regular expression. May be repeated: all must fit
    #[arg(long = "filter", value_name = "FILTER")]
    pub(crate) filters: Vec<String>,
}

/// List what is in the cache.
#[derive(Debug, Args)]
pub(crate) struct CacheLsArgs {
    #[command(flatten)]
    pub(crate) filter: CacheFilterArgs,
    /// Only the IDs
    #[arg(short, long)]
    pub(crate) quiet: bool,
    /// Whole descriptions
    #[arg(long)]
    pub(crate) no_trunc: bool,
    /// Form of the list
    #[arg(long, value_enum, default_value_t = ListFormat::Table)]
    pub(crate) format: ListFormat,
}

/// Show what the cache takes of the disk.
#[derive(Debug, Args)]
pub(crate) struct CacheDuArgs {
    #[command(flatten)]
    pub(crate) filter: CacheFilterArgs,
    /// Everything about each thing
    #[arg(long)]
    pub(crate) verbose: bool,
    /// Form of the list
    #[arg(long, value_enum, default_value_t = ListFormat::Table)]
    pub(crate) format: ListFormat,
}

/// Remove from the cache.
#[derive(Debug, Args)]
pub(crate) struct CachePruneArgs {
    #[command(flatten)]
    pub(crate) filter: CacheFilterArgs,
    /// Also images without a name, and layers as files that can be unpacked again from images
    #[arg(short, long)]
    pub(crate) all: bool,
    /// Keep this much of what was used last, such as `10GB`
    #[arg(long, visible_alias = "reserved-space", value_name = "BYTES")]
    pub(crate) keep_storage: Option<String>,
    /// Keep at most this much
    #[arg(long, value_name = "BYTES")]
    pub(crate) max_used_space: Option<String>,
    /// Remove only until this much of the disk is free
    #[arg(long, value_name = "BYTES")]
    pub(crate) min_free_space: Option<String>,
    /// Do not ask on standard input, the end of which means no
    #[arg(short, long)]
    pub(crate) force: bool,
    /// Everything about each thing that is removed
    #[arg(long)]
    pub(crate) verbose: bool,
    /// Form of the report
    #[arg(long, value_enum, default_value_t = ListFormat::Table)]
    pub(crate) format: ListFormat,
}

/// What the store takes of the disk.
#[derive(Debug, Args)]
pub(crate) struct SystemArgs {
    #[command(subcommand)]
    pub(crate) command: SystemCommand,
}

/// The commands about the store as a whole.
#[derive(Debug, Subcommand)]
pub(crate) enum SystemCommand {
    /// Show what images and the cache take of the disk
    Df(SystemDfArgs),
    /// Remove images without a name, and what of the cache neither an image nor a running build needs
    Prune(SystemPruneArgs),
}

/// Show what images and the cache take of the disk.
#[derive(Debug, Args)]
pub(crate) struct SystemDfArgs {
    /// Also each image and each thing in the cache
    #[arg(short, long, conflicts_with = "format")]
    pub(crate) verbose: bool,
    #[command(flatten)]
    pub(crate) format: FormatArgs,
}

/// Remove images without a name and what they alone need.
#[derive(Debug, Args)]
pub(crate) struct SystemPruneArgs {
    #[command(flatten)]
    pub(crate) filter: CacheFilterArgs,
    /// Also images with a name, and all of the cache. Of the filters, `until` is about images too: made before
    #[arg(short, long)]
    pub(crate) all: bool,
    /// Do not ask on standard input, the end of which means no
    #[arg(short, long)]
    pub(crate) force: bool,
}
