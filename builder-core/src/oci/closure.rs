//! A document with all that it names, down to the last blob.

use std::collections::{BTreeMap, BTreeSet};

use super::{BlobDescriptor, links};
use crate::digest::Digest;

/// Nested indexes are followed this deep; one is usual, two exist.
const MAX_INDEX_DEPTH: usize = 4;

/// A manifest or an index, every byte as it is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct WholeDocument {
    pub(crate) digest: Digest,
    pub(crate) media_type: String,
    pub(crate) bytes: Vec<u8>,
}

/// Documents, each after those that it names, and the blobs that they name, each once.
pub(crate) type Closure = (Vec<WholeDocument>, Vec<BlobDescriptor>);

/// Reads a document and all documents that it names.
pub(crate) fn closure<E>(
    digest: &Digest,
    media_type: &str,
    read: &dyn Fn(&Digest) -> Result<Vec<u8>, E>,
) -> Result<Closure, E> {
    let mut collector = Collector { read, seen: BTreeSet::new(), documents: Vec::new(), blobs: BTreeMap::new() };
    collector.collect(digest, media_type, 0)?;
    Ok((collector.documents, collector.blobs.into_values().collect()))
}

struct Collector<'r, E> {
    read: &'r dyn Fn(&Digest) -> Result<Vec<u8>, E>,
    seen: BTreeSet<Digest>,
    documents: Vec<WholeDocument>,
    blobs: BTreeMap<Digest, BlobDescriptor>,
}

impl<E> Collector<'_, E> {
    fn collect(&mut self, digest: &Digest, media_type: &str, depth: usize) -> Result<(), E> {
        if depth > MAX_INDEX_DEPTH || !self.seen.insert(*digest) {
            return Ok(());
        }
        let bytes = (self.read)(digest)?;
        let named = links(&bytes).unwrap_or_default();
        for manifest in &named.manifests {
            self.collect(&manifest.digest, &manifest.media_type, depth + 1)?;
        }
        self.blobs.extend(named.blobs.into_iter().map(|blob| (blob.digest, blob)));
        self.documents.push(WholeDocument { digest: *digest, media_type: media_type.to_owned(), bytes });
        Ok(())
    }
}
