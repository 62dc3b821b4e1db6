//! Chain IDs: what a layer is called together with everything below it.
//!
//! Spec: OCI image-spec 1.1, config.md, "Layer `ChainID`".

use crate::digest::Digest;

/// Returns the chain ID of every chain that ends with one of these layers, bottom first.
pub fn chain_ids(diff_ids: &[Digest]) -> Vec<Digest> {
    let mut below: Option<Digest> = None;
    let next = |diff_id: &Digest| {
        let chain = below.map_or(*diff_id, |chain| Digest::of(format!("{chain} {diff_id}").as_bytes()));
        below = Some(chain);
        chain
    };
    diff_ids.iter().map(next).collect()
}

/// Returns the chain ID of a chain of layers, bottom first; `None` for no layers.
pub fn chain_id(diff_ids: &[Digest]) -> Option<Digest> {
    chain_ids(diff_ids).pop()
}
