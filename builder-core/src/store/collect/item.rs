//! What `cache ls` shows of one thing in the cache.

use serde::Serialize;

/// What a thing in the cache is, in BuildKit's words.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
pub enum CacheKind {
    /// A layer as files.
    #[serde(rename = "regular")]
    Layer,
    /// The files of a git repository.
    #[serde(rename = "source.git.checkout")]
    GitCheckout,
    /// A directory of `RUN --mount=type=cache`.
    #[serde(rename = "exec.cachemount")]
    CacheMount,
    /// What the files of a local context were when they were hashed.
    #[serde(rename = "source.local")]
    Fingerprints,
    /// A blob that no image needs.
    #[serde(rename = "internal")]
    Blob,
    /// The beginning of a blob whose download was interrupted; BuildKit has none.
    #[serde(rename = "download")]
    Download,
}

impl CacheKind {
    /// All kinds.
    pub const ALL: [Self; 6] =
        [Self::Layer, Self::GitCheckout, Self::CacheMount, Self::Fingerprints, Self::Blob, Self::Download];

    /// Returns BuildKit's word, where it has one.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Layer => "regular",
            Self::GitCheckout => "source.git.checkout",
            Self::CacheMount => "exec.cachemount",
            Self::Fingerprints => "source.local",
            Self::Blob => "internal",
            Self::Download => "download",
        }
    }
}

/// A thing in the cache.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub struct CacheItem {
    /// Its name.
    pub id: String,
    /// What it is.
    #[serde(rename = "type")]
    pub kind: CacheKind,
    /// What made it, for a person.
    pub description: String,
    /// What it takes on the disk, in bytes; files that it shares with others count for each.
    pub size: u64,
    /// The same with each file once in all of the cache, in bytes: what goes when the things go that may go, with those
    /// used least recently first.
    pub disk_size: u64,
    /// When it was made, seconds since 1970; `None` where nobody knows.
    pub created: Option<i64>,
    /// When a build used it last, seconds since 1970.
    pub last_used: i64,
    /// The builds that used it, as far as they were counted.
    pub uses: u64,
    /// Whether a running build needs it.
    pub in_use: bool,
    /// Whether an image needs it.
    pub shared: bool,
    /// Whether it is only images without a name that need it.
    pub dangling: bool,
    /// Whether it can change.
    pub mutable: bool,
    /// Whether it can be taken away: neither an image nor a running build needs it.
    pub reclaimable: bool,
    /// The layer, where it is one, or the blob.
    pub digest: Option<crate::digest::Digest>,
    /// The build that made it, where that is known.
    #[serde(skip)]
    pub made_by: Option<crate::explanation::BuildRecord>,
    /// The shared cache that it came from.
    pub from_cache: Option<String>,
}
