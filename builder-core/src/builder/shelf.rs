//! The images of the store as they are while some of them are removed: looked up in memory, and changed in the store at
//! the end, all at once.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::images::{RemoveError, Removed};
use crate::digest::Digest;
use crate::reference::Reference;
use crate::store::{ImageRecord, NameChanges, Store, StoreError};

/// The fewest digits of an ID that mean an image.
const MIN_DIGITS: usize = 4;

/// The names of an image in a repository: with so many thousands of them, nobody goes through all for each one.
#[derive(Default)]
struct Repository {
    /// Those without a digest.
    tags: usize,
    /// Those with one.
    with_digest: Vec<(usize, Reference)>,
}

pub(super) struct Shelf {
    /// All images; those that are gone are nothing.
    records: Vec<Option<ImageRecord>>,
    by_name: HashMap<String, usize>,
    by_config: HashMap<Digest, BTreeSet<usize>>,
    /// What the names of an image in one repository are.
    repositories: HashMap<(Digest, String), Repository>,
    /// By the digits of the config's digest, and of the manifest's.
    by_digits: BTreeMap<String, Vec<usize>>,
    changes: NameChanges,
}

impl Shelf {
    pub(super) fn read(store: &Store) -> Result<Self, StoreError> {
        let records = store.all_images()?;
        let (mut by_name, mut by_config, mut by_digits) = (HashMap::new(), HashMap::new(), BTreeMap::new());
        let mut repositories: HashMap<(Digest, String), Repository> = HashMap::new();
        for (index, record) in records.iter().enumerate() {
            if !record.name.is_empty() {
                by_name.insert(record.name.clone(), index);
            }
            if let Ok(name) = record.name.parse::<Reference>() {
                let known = repositories.entry((record.config, name.familiar_name())).or_default();
                match name.digest() {
                    None => known.tags += 1,
                    Some(_) => known.with_digest.push((index, name)),
                }
            }
            by_config.entry(record.config).or_insert_with(BTreeSet::new).insert(index);
            for digest in [record.config, record.manifest] {
                by_digits.entry(digest.hex()).or_insert_with(Vec::new).push(index);
            }
        }
        let records = records.into_iter().map(Some).collect();
        Ok(Self { records, by_name, by_config, repositories, by_digits, changes: NameChanges::default() })
    }

    /// Makes the changes in the store.
    pub(super) fn write(self, store: &Store) -> Result<(), StoreError> {
        store.change_names(&self.changes)
    }

    fn get(&self, index: usize) -> Option<&ImageRecord> {
        self.records.get(index).and_then(Option::as_ref)
    }

    /// The names of the image with a config, and its records without one.
    fn of_config(&self, config: &Digest) -> impl Iterator<Item = (usize, &ImageRecord)> {
        let indexes = self.by_config.get(config).into_iter().flatten();
        indexes.filter_map(|index| Some((*index, self.get(*index)?)))
    }

    pub(super) fn names_of(&self, config: &Digest) -> Vec<Reference> {
        self.of_config(config).filter_map(|(_, record)| record.name.parse().ok()).collect()
    }

    /// Whether anything of an image is there.
    pub(super) fn has(&self, config: &Digest) -> bool {
        self.of_config(config).next().is_some()
    }

    /// Returns a name of an image, and what is it with a digest; all names of the repository with a digest, where no
    /// other tag of it is left: nobody would find them.
    pub(super) fn with_digests_alone(&self, config: &Digest, name: &Reference) -> Vec<Reference> {
        let mut taken = vec![name.clone()];
        let repository = self.repositories.get(&(*config, name.familiar_name()));
        if let (Some(repository), None) = (repository, name.digest()) {
            let there = repository.with_digest.iter().filter(|(index, _)| self.get(*index).is_some());
            let goes_along = |other: &&Reference| repository.tags <= 1 || other.tag() == name.tag();
            taken.extend(there.map(|(_, other)| other).filter(goes_along).cloned());
        }
        taken
    }

    /// Finds the one image that a name or the beginning of an ID means: as [`super::Builder::find_image`].
    pub(super) fn find(&self, text: &str) -> Result<&ImageRecord, RemoveError> {
        let name = text.parse::<Reference>().ok();
        let named = name.as_ref().and_then(|name| self.by_name.get(&name.to_string()));
        if let Some(record) = named.and_then(|index| self.get(*index)) {
            return Ok(record);
        }
        if let Some(record) = name.as_ref().and_then(|name| self.pinned(name)) {
            return Ok(record);
        }
        let not_found = || RemoveError::NotFound { text: text.to_owned() };
        let digits = text.strip_prefix("sha256:").unwrap_or(text);
        if digits.len() < MIN_DIGITS || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(not_found());
        }
        let fits = self.by_digits.range(digits.to_owned()..).take_while(|(hex, _)| hex.starts_with(digits));
        let found: Vec<&ImageRecord> =
            fits.flat_map(|(_, indexes)| indexes).filter_map(|index| self.get(*index)).collect();
        let configs: BTreeSet<Digest> = found.iter().map(|record| record.config).collect();
        match (configs.len(), found.first()) {
            (1, Some(record)) => Ok(record),
            (0, _) | (_, None) => Err(not_found()),
            (count, _) => Err(RemoveError::Ambiguous { text: text.to_owned(), count }),
        }
    }

    /// Finds the image of a name with a digest, whatever tag the name has beside it.
    fn pinned(&self, name: &Reference) -> Option<&ImageRecord> {
        name.digest()?;
        let means = |record: &&ImageRecord| record.name.parse::<Reference>().is_ok_and(|known| known.means(name));
        self.records.iter().flatten().find(means)
    }

    /// Takes names away, and with `nameless` what of the image has none; the image is gone where nothing is left.
    pub(super) fn take(&mut self, config: &Digest, names: Vec<Reference>, nameless: bool) -> Removed {
        for name in &names {
            let Some(index) = self.by_name.remove(&name.to_string()) else { continue };
            self.remove(index);
            if name.digest().is_none()
                && let Some(repository) = self.repositories.get_mut(&(*config, name.familiar_name()))
            {
                repository.tags = repository.tags.saturating_sub(1);
            }
        }
        if nameless {
            let nameless: Vec<usize> =
                self.of_config(config).filter(|(_, record)| record.name.is_empty()).map(|(index, _)| index).collect();
            for index in nameless {
                self.remove(index);
            }
        }
        Removed { untagged: names, deleted: (!self.has(config)).then_some(*config) }
    }

    /// Takes away the image without a name that has a manifest.
    pub(super) fn forget(&mut self, config: &Digest, manifest: &Digest) {
        let fits = |record: &ImageRecord| record.name.is_empty() && record.manifest == *manifest;
        let found = self.of_config(config).find(|(_, record)| fits(record)).map(|(index, _)| index);
        if let Some(index) = found {
            self.remove(index);
        }
    }

    fn remove(&mut self, index: usize) {
        if let Some(record) = self.records.get_mut(index).and_then(Option::take) {
            self.by_config.entry(record.config).or_default().remove(&index);
            if record.name.is_empty() {
                self.changes.forgotten.push(record.manifest);
            } else {
                self.changes.untagged.push((record.name, record.manifest));
            }
        }
    }
}
