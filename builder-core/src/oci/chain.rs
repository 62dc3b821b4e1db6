//! Chain IDs: what a layer is called together with everything below it.
//!
//! Spec: OCI image-spec 1.1, config.md, "Layer `ChainID`".

use crate::digest::Digest;

/// Returns the chain ID of every chain that ends with one of these layers, bottom first.
pub fn chain_ids(diff_ids: &[Digest]) -> Vec<Digest> {
    chain_ids_by(diff_ids, chain_upon)
}

/// As [`chain_ids`], with a way to find the chain ID of a layer upon a chain.
pub(crate) fn chain_ids_by(diff_ids: &[Digest], mut upon: impl FnMut(&Digest, &Digest) -> Digest) -> Vec<Digest> {
    let mut chains: Vec<Digest> = Vec::with_capacity(diff_ids.len());
    for diff_id in diff_ids {
        chains.push(chains.last().map_or(*diff_id, |below| upon(below, diff_id)));
    }
    chains
}

/// Returns the chain ID of a layer upon a chain.
pub(crate) fn chain_upon(below: &Digest, diff_id: &Digest) -> Digest {
    Digest::of(format!("{below} {diff_id}").as_bytes())
}

/// Returns the chain ID of a chain of layers, bottom first; `None` for no layers.
pub fn chain_id(diff_ids: &[Digest]) -> Option<Digest> {
    chain_ids(diff_ids).pop()
}
