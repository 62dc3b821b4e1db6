//! What images need: blobs, and layers as files.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::digest::Digest;
use crate::oci::{MAX_CONFIG_SIZE, MAX_MANIFEST_SIZE, chain_ids};
use crate::reference::Reference;
use crate::store::images::MAX_INDEX_DEPTH;
use crate::store::{ImageRecord, Store, StoreError};

/// What images need.
#[derive(Clone, Debug, Default)]
pub(in crate::store) struct Needs {
    /// Documents and layers.
    pub(in crate::store) blobs: BTreeSet<Digest>,
    /// Every chain of an image's layers, by chain ID, with the name of an image that has it.
    pub(super) chains: BTreeMap<Digest, String>,
    /// Those of them whose layers are all there as blobs: the files can be had again.
    pub(super) unpackable: BTreeSet<Digest>,
}

impl Needs {
    /// Adds what an image needs, as far as it is in the store: of an index that was pulled for one platform the
    /// others are not.
    pub(in crate::store) fn add(&mut self, store: &Store, image: &ImageRecord) -> Result<(), StoreError> {
        self.blobs.insert(image.manifest);
        let reference = image.name.parse::<Reference>().ok();
        if let Some(digest) = reference.as_ref().and_then(Reference::digest) {
            self.blobs.extend(store.indexes_between(digest, &image.manifest)?);
        }
        self.document(store, &image.manifest, &image.name, 0)
    }

    fn document(&mut self, store: &Store, digest: &Digest, name: &str, depth: usize) -> Result<(), StoreError> {
        let document = parsed(store, digest, MAX_MANIFEST_SIZE)?;
        let digest = |descriptor: &Value| descriptor["digest"].as_str().and_then(|text| text.parse::<Digest>().ok());
        let layers: Vec<Digest> = document["layers"].as_array().into_iter().flatten().filter_map(digest).collect();
        self.blobs.extend(&layers);
        if let Some(config) = digest(&document["config"]) {
            self.blobs.insert(config);
            if store.size_of(&config).is_some() {
                self.config(store, &config, &layers, name)?;
            }
        }
        for child in document["manifests"].as_array().into_iter().flatten().filter_map(digest) {
            let seen = !self.blobs.insert(child);
            if !seen && depth < MAX_INDEX_DEPTH && store.size_of(&child).is_some() {
                self.document(store, &child, name, depth + 1)?;
            }
        }
        Ok(())
    }

    fn config(&mut self, store: &Store, config: &Digest, layers: &[Digest], name: &str) -> Result<(), StoreError> {
        let config = parsed(store, config, MAX_CONFIG_SIZE)?;
        let diff_ids = config["rootfs"]["diff_ids"].as_array().into_iter().flatten();
        let diff_ids: Vec<Digest> = diff_ids.filter_map(|text| text.as_str()?.parse().ok()).collect();
        let mut complete = layers.len() == diff_ids.len();
        for (index, chain) in chain_ids(&diff_ids).into_iter().enumerate() {
            complete = complete && layers.get(index).is_some_and(|layer| store.size_of(layer).is_some());
            if complete {
                self.unpackable.insert(chain);
            }
            self.chains.entry(chain).or_insert_with(|| name.to_owned());
        }
        Ok(())
    }
}

fn parsed(store: &Store, digest: &Digest, limit: u64) -> Result<Value, StoreError> {
    let bytes = store.read_blob(digest, limit)?;
    serde_json::from_slice(&bytes).map_err(|source| StoreError::Damaged { path: store.blob_path(digest), source })
}
