//! Blobs that the store does not have, from repositories that are known to have them.

use std::collections::BTreeMap;

use super::SourceError;
use crate::cancel::CancelToken;
use crate::oci::BlobDescriptor;
use crate::reference::Reference;
use crate::registry::{Client, RegistryError, RegistryOptions};
use crate::store::Store;

/// The repositories that are asked for one blob, at most.
const MAX_PLACES: u32 = 4;

/// Fetches blobs from the repositories that they came from or were pushed to; of which nobody knows where they are stay
/// away.
///
/// # Errors
/// [`SourceError::Gone`] where no repository that is known to have one gives it.
pub fn fetch_from_known_places(
    store: &Store,
    blobs: &[BlobDescriptor],
    options: &RegistryOptions,
    cancel: &CancelToken,
) -> Result<(), SourceError> {
    let mut wanted: Vec<(&BlobDescriptor, std::vec::IntoIter<Reference>)> = Vec::new();
    for blob in blobs {
        let places = store.places_of(&blob.digest, MAX_PLACES)?;
        wanted.push((blob, places.into_iter()));
    }
    let mut failed: Option<RegistryError> = None;
    while !wanted.is_empty() {
        let mut by_place: BTreeMap<Reference, Vec<BlobDescriptor>> = BTreeMap::new();
        wanted.retain_mut(|(blob, places)| {
            if store.has_whole_blob(&blob.digest, blob.size) {
                return false;
            }
            let Some(place) = places.next() else { return false };
            by_place.entry(place).or_default().push((*blob).clone());
            true
        });
        for (place, blobs) in by_place {
            match Client::new(&place, options).and_then(|client| client.blobs(&blobs, store, &|_, _, _| {}, cancel)) {
                Err(error @ (RegistryError::Cancelled(_) | RegistryError::Store(_) | RegistryError::Write(_))) => {
                    return Err(error.into());
                }
                Err(error) => failed = Some(error),
                Ok(()) => {}
            }
        }
    }
    let missing = blobs.iter().find(|blob| !store.has_whole_blob(&blob.digest, blob.size));
    match (failed, missing) {
        (Some(error), Some(blob)) => Err(SourceError::Gone { digest: blob.digest, source: Box::new(error) }),
        _ => Ok(()),
    }
}
