//! What a shared cache knows, as a document.
//!
//! A cache of its own is an OCI manifest whose config has the media type [`CONFIG_TYPE`] and is this document, and
//! whose layers are those that the steps made. A cache inside of an image is the same document in the image's config,
//! under [`INLINE_FIELD`]; the layers are the image's own.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::digest::Digest;

/// The media type of the config of a cache.
pub const CONFIG_TYPE: &str = "application/vnd.builder.cache.config.v1+json";
/// The field of an image's config that holds its cache.
pub const INLINE_FIELD: &str = "dev.builder.cache.v1";
/// The version of the document; another one is not read.
const VERSION: u32 = 1;

/// What a cache knows.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CacheDocument {
    version: u32,
    /// The layers that records speak of.
    pub layers: Vec<SharedLayer>,
    /// The steps.
    pub records: Vec<SharedRecord>,
}

/// A layer of a cache.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SharedLayer {
    /// Which layer of the manifest it is, from 0.
    pub index: usize,
    /// Its diff ID.
    #[serde(rename = "diffID")]
    pub diff_id: Digest,
    /// The size of its tar, in bytes.
    pub size: u64,
    /// Its content without times.
    pub content: Bytes32,
    /// The digest of its blob: the order of a manifest alone says too little. An image has its layers in order, and
    /// what older builders wrote has no digest here.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub blob: Option<Digest>,
}

/// A step of a cache.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct SharedRecord {
    /// Its key.
    pub key: Bytes32,
    /// Its layer in the document's list, from 0.
    pub layer: usize,
    /// When it was made, seconds and nanoseconds since 1970.
    pub created: (i64, u32),
}

/// An internal digest, in hexadecimal figures.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Bytes32(pub [u8; 32]);

impl Serialize for Bytes32 {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(blake3::Hash::from_bytes(self.0).to_hex().as_str())
    }
}

impl<'de> Deserialize<'de> for Bytes32 {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let hash = blake3::Hash::from_hex(&text).map_err(serde::de::Error::custom)?;
        Ok(Self(*hash.as_bytes()))
    }
}

impl CacheDocument {
    /// Puts a document together.
    pub fn new(layers: Vec<SharedLayer>, records: Vec<SharedRecord>) -> Self {
        Self { version: VERSION, layers, records }
    }

    /// Returns the document with the blobs of its layers, which are those of the manifest in order.
    #[must_use]
    pub fn with_blobs(&self, blobs: &[Digest]) -> Self {
        let mut named = self.clone();
        for layer in &mut named.layers {
            layer.blob = blobs.get(layer.index).copied();
        }
        named
    }

    /// Reads a document; what it refers to is in it, and in a manifest with these layers.
    ///
    /// # Errors
    /// A sentence that says what is wrong with it.
    pub fn parse(bytes: &[u8], blobs: &[Digest]) -> Result<Self, String> {
        let document: Self = serde_json::from_slice(bytes).map_err(|error| format!("it is malformed: {error}"))?;
        if document.version != VERSION {
            return Err(format!("it has version {}, this builder reads version {VERSION}", document.version));
        }
        if document.layers.iter().any(|layer| layer.index >= blobs.len())
            || document.records.iter().any(|record| record.layer >= document.layers.len())
        {
            return Err("it speaks of layers that it does not have".to_owned());
        }
        let is_another = |layer: &SharedLayer| layer.blob.is_some() && blobs.get(layer.index) != layer.blob.as_ref();
        if document.layers.iter().any(is_another) {
            return Err("its manifest has other layers than it speaks of".to_owned());
        }
        // Sizes are kept as signed numbers, and times have to be some that a calendar has.
        if document.layers.iter().any(|layer| i64::try_from(layer.size).is_err())
            || document.records.iter().any(|record| !is_a_time(record.created))
        {
            return Err("it has sizes or times that there are not".to_owned());
        }
        if document.contradicts_itself(blobs) {
            return Err("it contradicts itself".to_owned());
        }
        Ok(document)
    }

    /// Whether it says two things of one: of a blob which layer it holds, of a layer what is in it, or of a step which
    /// layer it made.
    fn contradicts_itself(&self, blobs: &[Digest]) -> bool {
        let (mut of_blobs, mut of_layers, mut of_keys) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        let layers = self.layers.iter().any(|layer| {
            let about = (layer.content, layer.size);
            let blob = blobs.get(layer.index);
            *of_layers.entry(layer.diff_id).or_insert(about) != about
                || blob.is_some_and(|blob| *of_blobs.entry(blob).or_insert(layer.diff_id) != layer.diff_id)
        });
        let diff_id = |record: &SharedRecord| self.layers.get(record.layer).map(|layer| layer.diff_id);
        layers
            || self
                .records
                .iter()
                .any(|record| *of_keys.entry(record.key).or_insert(diff_id(record)) != diff_id(record))
    }
}

fn is_a_time((seconds, nanoseconds): (i64, u32)) -> bool {
    i32::try_from(nanoseconds).is_ok_and(|nanoseconds| {
        (0..1_000_000_000).contains(&nanoseconds) && jiff::Timestamp::new(seconds, nanoseconds).is_ok()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document() -> CacheDocument {
        let diff_id = Digest::of(b"layer");
        CacheDocument::new(
            vec![SharedLayer { index: 1, diff_id, size: 5, content: Bytes32([7; 32]), blob: None }],
            vec![SharedRecord { key: Bytes32([1; 32]), layer: 0, created: (3, 4) }],
        )
    }

    fn blobs() -> [Digest; 2] {
        [b"base", b"blob"].map(|bytes| Digest::of(bytes))
    }

    #[test]
    fn what_is_written_is_read_again() {
        for document in [document(), document().with_blobs(&blobs())] {
            let bytes = serde_json::to_vec(&document).unwrap();
            assert_eq!(CacheDocument::parse(&bytes, &blobs()), Ok(document));
        }
    }

    #[test]
    fn documents_that_point_nowhere_are_refused() {
        let bytes = serde_json::to_vec(&document()).unwrap();
        assert!(CacheDocument::parse(&bytes, &blobs()[..1]).is_err(), "a layer that the manifest does not have");
        let mut other = document();
        other.records[0].layer = 1;
        assert!(CacheDocument::parse(&serde_json::to_vec(&other).unwrap(), &blobs()).is_err());
        let newer = String::from_utf8(bytes).unwrap().replace("\"version\":1", "\"version\":2");
        assert!(CacheDocument::parse(newer.as_bytes(), &blobs()).unwrap_err().contains("version 2"));
        assert!(CacheDocument::parse(b"{", &blobs()).is_err());
    }

    #[test]
    fn documents_that_say_two_things_of_one_are_refused() {
        let refused = |change: &dyn Fn(&mut CacheDocument)| {
            let mut document = document();
            document.layers.push(document.layers[0].clone());
            let parsed = |document: &CacheDocument| {
                CacheDocument::parse(&serde_json::to_vec(document).unwrap(), &blobs()).map(|_| ())
            };
            assert_eq!(parsed(&document), Ok(()));
            change(&mut document);
            assert_eq!(parsed(&document), Err("it contradicts itself".to_owned()));
        };
        refused(&|document| document.layers[1].content = Bytes32([8; 32]));
        refused(&|document| document.layers[1].diff_id = Digest::of(b"another in the same blob"));
        refused(&|document| {
            document.layers[1] =
                SharedLayer { index: 0, diff_id: Digest::of(b"another"), ..document.layers[1].clone() };
            document.records.push(SharedRecord { layer: 1, ..document.records[0].clone() });
        });
    }

    #[test]
    fn layers_in_another_order_than_they_were_written_are_refused() {
        let bytes = serde_json::to_vec(&document().with_blobs(&blobs())).unwrap();
        let [base, blob] = blobs();
        assert!(CacheDocument::parse(&bytes, &[blob, base]).unwrap_err().contains("other layers"));
    }
}
