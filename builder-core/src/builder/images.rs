//! The images of the store: found by what a person typed, listed, named, removed.

use super::Builder;
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

    /// Removes a name, and the image with its last name; or an image by its ID, with all its names where `force` says
    /// so or it has but one. What nothing needs then is left to [`crate::store::Store::remove_unreferenced`].
    ///
    /// # Errors
    /// [`RemoveError`].
    pub fn remove_image(&self, text: &str, force: bool) -> Result<Removed, RemoveError> {
        let record = self.find_image(text)?;
        let by_name = text.parse::<Reference>().ok().filter(|reference| reference.to_string() == record.name);
        let known: Vec<Reference> =
            self.records_of(&record.config)?.iter().filter_map(|other| other.name.parse().ok()).collect();
        let is_id = by_name.is_none();
        let taken = if let Some(name) = by_name {
            with_digests_alone(&name, &known)
        } else {
            let tags = known.iter().filter(|name| name.digest().is_none()).count();
            if tags > 1 && !force {
                let names = known.iter().map(Reference::familiar).collect();
                return Err(RemoveError::Referenced { id: record.config.short(), names });
            }
            known
        };
        self.take(&record.config, taken, is_id)
    }

    /// Takes names away; the image stays, without a name where it loses its last. Without `names` it loses all.
    ///
    /// # Errors
    /// [`RemoveError`].
    pub fn untag_image(&self, text: &str, names: &[String]) -> Result<Vec<Reference>, RemoveError> {
        let record = self.find_image(text)?;
        let own: Vec<Reference> =
            self.records_of(&record.config)?.iter().filter_map(|other| other.name.parse().ok()).collect();
        let wanted = if names.is_empty() {
            own
        } else {
            let read = |name: &String| {
                let reference = name.parse::<Reference>().map_err(|_| RemoveError::NotAName { text: name.clone() })?;
                own.contains(&reference)
                    .then_some(reference)
                    .ok_or_else(|| RemoveError::NotFound { text: name.clone() })
            };
            names.iter().map(read).collect::<Result<_, _>>()?
        };
        for name in &wanted {
            self.store.untag_and_keep(name)?;
        }
        Ok(wanted)
    }

    /// Removes the images that fit, with all their names.
    ///
    /// # Errors
    /// [`RemoveError`].
    pub fn prune_images(&self, filter: &ImageFilter, cancel: &CancelToken) -> Result<Vec<Removed>, RemoveError> {
        let mut removed = Vec::new();
        let mut seen: Vec<Digest> = Vec::new();
        for image in self.list_images(filter, cancel)? {
            let (id, manifest) = (image.record.config, image.record.manifest);
            match image.reference() {
                // Another image of the same config may have a name.
                None => {
                    self.store.forget(&manifest)?;
                    let left = !self.records_of(&id)?.is_empty();
                    removed.push(Removed { untagged: Vec::new(), deleted: (!left).then_some(id) });
                }
                Some(_) if seen.contains(&id) => {}
                Some(_) => {
                    let names = self.records_of(&id)?.iter().filter_map(|other| other.name.parse().ok()).collect();
                    removed.push(self.take(&id, names, false)?);
                    seen.push(id);
                }
            }
        }
        Ok(removed)
    }

    fn records_of(&self, config: &Digest) -> Result<Vec<ImageRecord>, StoreError> {
        let mut images = self.store.all_images()?;
        images.retain(|image| image.config == *config);
        Ok(images)
    }

    fn take(&self, config: &Digest, names: Vec<Reference>, nameless: bool) -> Result<Removed, RemoveError> {
        for name in &names {
            self.store.untag(name)?;
        }
        let left = self.records_of(config)?;
        let mut stays = false;
        for image in left {
            if nameless && image.name.is_empty() {
                self.store.forget(&image.manifest)?;
            } else {
                stays = true;
            }
        }
        Ok(Removed { untagged: names, deleted: (!stays).then_some(*config) })
    }
}

/// A name, and what is it with a digest; all names of the repository with a digest, where no other tag of it is left:
/// nobody would find them.
fn with_digests_alone(name: &Reference, named: &[Reference]) -> Vec<Reference> {
    let same = |other: &&Reference| (other.domain(), other.path()) == (name.domain(), name.path());
    let others: Vec<&Reference> = named.iter().filter(same).filter(|other| *other != name).collect();
    let last = others.iter().all(|other| other.digest().is_some());
    let goes_along = |other: &&&Reference| other.digest().is_some() && (last || other.tag() == name.tag());
    let mut taken = vec![name.clone()];
    if name.digest().is_none() {
        taken.extend(others.iter().filter(goes_along).map(|other| (*other).clone()));
    }
    taken
}
