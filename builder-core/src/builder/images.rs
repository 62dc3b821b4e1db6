//! The images of the store: found by what a person typed, listed, named, removed.

use std::collections::HashSet;

use super::Builder;
use super::shelf::Shelf;
use crate::cancel::CancelToken;
use crate::digest::Digest;
use crate::image::{self, ImageError, ImageFilter, ListedImage};
use crate::reference::{Reference, without_password};
use crate::store::{ImageRecord, StoreError};

/// An image could not be found or removed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RemoveError {
    /// There is no image of this name or ID.
    #[error("no such image: `{}`", without_password(text))]
    NotFound {
        /// What was typed.
        text: String,
    },
    /// The first digits of an ID are those of several images.
    #[error("`{text}` fits {count} images; give more digits")]
    Ambiguous {
        /// What was typed.
        text: String,
        /// How many fit.
        count: usize,
    },
    /// An ID of an image that has several names. The words are docker's.
    #[error(
        "conflict: unable to delete {id} (must be forced) - image is referenced in multiple repositories: {}",
        names.join(", ")
    )]
    Referenced {
        /// The beginning of the image's ID.
        id: String,
        /// Its names.
        names: Vec<String>,
    },
    /// Something that names are taken from is no name.
    #[error("`{}` is no name of an image", without_password(text))]
    NotAName {
        /// What was typed.
        text: String,
    },
    /// The images could not be read.
    #[error(transparent)]
    Image(#[from] ImageError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl RemoveError {
    /// Tells whether there simply is no such image.
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::NotFound { .. })
    }
}

/// What happened to an image.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Removed {
    /// The names that were taken away.
    pub untagged: Vec<Reference>,
    /// The ID of the image, where nothing of it is left.
    pub deleted: Option<Digest>,
}

impl Builder {
    /// Finds the one image that a name or the beginning of an ID means.
    ///
    /// # Errors
    /// [`RemoveError::NotFound`], [`RemoveError::Ambiguous`], [`RemoveError::Store`].
    pub fn find_image(&self, text: &str) -> Result<ImageRecord, RemoveError> {
        let found = self.store.find_images(text)?;
        let mut configs: Vec<_> = found.iter().map(|image| image.config).collect();
        configs.sort_unstable();
        configs.dedup();
        match (configs.len(), found.into_iter().next()) {
            (1, Some(image)) => Ok(image),
            (0, _) | (_, None) => Err(RemoveError::NotFound { text: text.to_owned() }),
            (count, _) => Err(RemoveError::Ambiguous { text: text.to_owned(), count }),
        }
    }

    /// Lists the images that fit, the newest first.
    ///
    /// # Errors
    /// [`ImageError`].
    pub fn list_images(&self, filter: &ImageFilter, cancel: &CancelToken) -> Result<Vec<ListedImage>, ImageError> {
        let mut images = image::list(&self.store, cancel)?;
        images.retain(|image| filter.fits(image));
        Ok(images)
    }

    /// Removes names, and an image with its last name; or images by their IDs, with all names where `force` says so or
    /// one has but one. What is wrong with one keeps none of the others. What nothing needs then is left to
    /// [`crate::store::Store::remove_unreferenced`].
    ///
    /// # Errors
    /// [`RemoveError`]; the inner ones are about one of `texts` each.
    pub fn remove_images(
        &self,
        texts: &[String],
        force: bool,
    ) -> Result<Vec<Result<Removed, RemoveError>>, RemoveError> {
        let mut stored = Shelf::read(&self.store)?;
        let outcomes = texts.iter().map(|text| remove(&mut stored, text, force)).collect();
        stored.write(&self.store)?;
        Ok(outcomes)
    }

    /// Takes names away; the image stays, without a name where it loses its last. Without `names` it loses all.
    ///
    /// # Errors
    /// [`RemoveError`].
    pub fn untag_image(&self, text: &str, names: &[String]) -> Result<Vec<Reference>, RemoveError> {
        let stored = Shelf::read(&self.store)?;
        let own = stored.names_of(&stored.find(text)?.config);
        let wanted = if names.is_empty() {
            own
        } else {
            let known: HashSet<String> = own.iter().map(Reference::to_string).collect();
            let read = |name: &String| {
                let reference = name.parse::<Reference>().map_err(|_| RemoveError::NotAName { text: name.clone() })?;
                let is_own = known.contains(&reference.to_string());
                is_own.then_some(reference).ok_or_else(|| RemoveError::NotFound { text: name.clone() })
            };
            names.iter().map(read).collect::<Result<_, _>>()?
        };
        self.store.untag_and_keep(&wanted)?;
        Ok(wanted)
    }

    /// Removes the images that fit, with all their names.
    ///
    /// # Errors
    /// [`RemoveError`].
    pub fn prune_images(&self, filter: &ImageFilter, cancel: &CancelToken) -> Result<Vec<Removed>, RemoveError> {
        let mut removed = Vec::new();
        let mut seen: HashSet<Digest> = HashSet::new();
        let fitting = self.list_images(filter, cancel)?;
        let mut stored = Shelf::read(&self.store)?;
        for image in fitting {
            let (id, manifest) = (image.record.config, image.record.manifest);
            match image.reference() {
                // Another image of the same config may have a name.
                None => {
                    stored.forget(&id, &manifest);
                    removed.push(Removed { untagged: Vec::new(), deleted: (!stored.has(&id)).then_some(id) });
                }
                Some(_) if !seen.insert(id) => {}
                Some(_) => removed.push(stored.take(&id, stored.names_of(&id), false)),
            }
        }
        stored.write(&self.store)?;
        Ok(removed)
    }
}

fn remove(shelf: &mut Shelf, text: &str, force: bool) -> Result<Removed, RemoveError> {
    let record = shelf.find(text)?.clone();
    let own = record.name.parse::<Reference>().ok();
    let by_name = own.filter(|own| text.parse::<Reference>().is_ok_and(|typed| own.means(&typed)));
    let is_id = by_name.is_none();
    let taken = if let Some(name) = by_name {
        shelf.with_digests_alone(&record.config, &name)
    } else {
        let known = shelf.names_of(&record.config);
        let tags = known.iter().filter(|name| name.digest().is_none()).count();
        if tags > 1 && !force {
            let names = known.iter().map(Reference::familiar).collect();
            return Err(RemoveError::Referenced { id: record.config.short(), names });
        }
        known
    };
    Ok(shelf.take(&record.config, taken, is_id))
}
