//! What a build resulted in.

use crate::digest::Digest;
use crate::explanation::{BuildRecord, ExplainedStep};
use crate::image::Descriptor;
use crate::platform::Platform;

/// What a build resulted in.
#[derive(Clone, PartialEq, Debug)]
#[non_exhaustive]
pub struct BuildOutcome {
    /// The manifest or index: that of the image in the store, else of the first image that was written elsewhere.
    pub descriptor: Descriptor,
    /// What the image is called where it has no name: the digest of its config (docker's image ID), or of the index.
    pub id: Digest,
    /// The digest of the image's config; an index has none.
    pub config: Option<Digest>,
    /// The full names that the image was stored under.
    pub names: Vec<String>,
    /// What is stated about how each image was made.
    pub provenance: Vec<(Platform, serde_json::Value)>,
    /// Steps that ran.
    pub steps_run: usize,
    /// Steps whose results were in the cache.
    pub steps_cached: usize,
    /// This build, as later ones know it.
    pub build: BuildRecord,
    /// Why the steps ran, and which builds made what was in the cache.
    pub explanations: Vec<ExplainedStep>,
    /// Layers that were fetched because a step or an output needed them and a shared cache knew where they are; `None`
    /// where no shared cache was asked, or none could be used.
    pub fetched: Option<crate::snapshot::FetchedLayers>,
}
