//! What a build resulted in.

use crate::digest::Digest;

/// What a build resulted in.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct BuildOutcome {
    /// The digest of the image's manifest in the store.
    pub manifest: Digest,
    /// The size of that manifest, in bytes.
    pub manifest_size: u64,
    /// The digest of the image's config: docker's image ID.
    pub config: Digest,
    /// The full names that the image was stored under.
    pub names: Vec<String>,
    /// Steps that ran.
    pub steps_run: usize,
    /// Steps whose results were in the cache.
    pub steps_cached: usize,
}
