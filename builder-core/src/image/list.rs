//! The images of a store as a list: sizes of their own and shared, and filters.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use super::view::{ImageParts, read_all};
use super::{ImageError, sizes};
use crate::cancel::CancelToken;
use crate::digest::Digest;
use crate::glob::Glob;
use crate::oci::{ImageConfig, chain_ids};
use crate::platform::Platform;
use crate::reference::Reference;
use crate::store::{ImageRecord, Store};

/// An image under one of its names, or without one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ListedImage {
    /// Name, digests and time.
    pub record: ImageRecord,
    /// The bytes of its layers without compression, each once; of an index those of all its images that are there.
    pub size: u64,
    /// What of that another image has as well.
    pub shared: u64,
    /// Its labels; of an index those of the image that fits this machine best.
    pub labels: BTreeMap<String, String>,
    /// The platforms of its images that are there.
    pub platforms: Vec<Platform>,
}

impl ListedImage {
    /// Returns the bytes that no other image has.
    pub fn unique(&self) -> u64 {
        self.size.saturating_sub(self.shared)
    }

    /// Returns its name, where it has one.
    pub fn reference(&self) -> Option<Reference> {
        self.record.name.parse().ok()
    }

    /// Returns when it was made, seconds and nanoseconds since 1970, where that is known.
    pub fn created(&self) -> Option<(i64, i32)> {
        time(&self.record.created)
    }
}

/// Reads a time as documents have it.
pub(crate) fn time(text: &str) -> Option<(i64, i32)> {
    text.parse::<jiff::Timestamp>().ok().map(|time| (time.as_second(), time.subsec_nanosecond()))
}

/// A test of a label.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LabelTest {
    /// The label.
    pub name: String,
    /// The value that it must have, where only one will do.
    pub value: Option<String>,
    /// Whether it must be like this; else it must not.
    pub wanted: bool,
}

/// Which images are meant. What says nothing fits all.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ImageFilter {
    /// Patterns for short names, with or without tag: one must fit. A pattern with a tag is for both.
    pub references: Vec<Glob>,
    /// Whether the image has no name.
    pub dangling: Option<bool>,
    /// Labels: all must be like this.
    pub labels: Vec<LabelTest>,
    /// Made before this, seconds and nanoseconds since 1970.
    pub before: Option<(i64, i32)>,
    /// Made after this.
    pub since: Option<(i64, i32)>,
}

impl ImageFilter {
    /// Tells whether an image fits.
    pub fn fits(&self, image: &ListedImage) -> bool {
        let reference = image.reference();
        let named = |glob: &Glob| {
            reference.as_ref().is_some_and(|name| glob.matches(&name.familiar()) || glob.matches(&name.familiar_name()))
        };
        let label = |test: &LabelTest| {
            let found = image.labels.get(&test.name);
            found.is_some_and(|found| test.value.as_ref().is_none_or(|value| value == found)) == test.wanted
        };
        let created = image.created();
        (self.references.is_empty() || self.references.iter().any(named))
            && self.dangling.is_none_or(|dangling| dangling == reference.is_none())
            && self.labels.iter().all(label)
            && self.before.is_none_or(|before| created.is_some_and(|created| created < before))
            && self.since.is_none_or(|since| created.is_some_and(|created| created > since))
    }
}

/// Lists all images, the newest first. One whose documents are gone or damaged has no size and no labels: it is
/// there to be removed.
///
/// # Errors
/// [`ImageError::Store`], [`ImageError::Cancelled`].
pub fn list(store: &Store, cancel: &CancelToken) -> Result<Vec<ListedImage>, ImageError> {
    let mut layers: BTreeMap<Digest, BTreeMap<Digest, u64>> = BTreeMap::new();
    let mut owners: BTreeMap<Digest, BTreeSet<Digest>> = BTreeMap::new();
    let mut images = Vec::new();
    for record in store.all_images()? {
        let parts = read_all(store, &record).map(|stored| stored.images).unwrap_or_default();
        if let Entry::Vacant(place) = layers.entry(record.config) {
            let mut chains = BTreeMap::new();
            for part in &parts {
                let sizes = sizes::layer_sizes(store, &part.layers, &part.diff_ids, cancel)?;
                chains.extend(chain_ids(&part.diff_ids).into_iter().zip(sizes));
            }
            for chain in chains.keys() {
                owners.entry(*chain).or_default().insert(record.config);
            }
            place.insert(chains);
        }
        let platforms = parts.iter().map(|part| part.platform.clone()).collect();
        images.push(ListedImage { record, size: 0, shared: 0, labels: labels(&parts), platforms });
    }
    let is_shared = |chain: &Digest| owners.get(chain).is_some_and(|owners| owners.len() > 1);
    for image in &mut images {
        let chains = layers.get(&image.record.config).into_iter().flatten();
        (image.size, image.shared) = chains.fold((0, 0), |(size, shared), (chain, bytes)| {
            (size + bytes, shared + if is_shared(chain) { *bytes } else { 0 })
        });
    }
    images.sort_by_cached_key(|image| {
        let ImageRecord { name, .. } = &image.record;
        (std::cmp::Reverse(image.created()), name.is_empty(), name.clone())
    });
    Ok(images)
}

fn labels(parts: &[ImageParts]) -> BTreeMap<String, String> {
    let host = Platform::host();
    // Of equals the first.
    let best = parts.iter().rev().max_by_key(|part| host.rank(&part.platform));
    let config = best.and_then(|part| serde_json::from_slice::<ImageConfig>(&part.config_bytes).ok());
    config.map(|config| config.config.labels).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image(name: &str, created: &str) -> ListedImage {
        let digest = Digest::of(name.as_bytes());
        ListedImage {
            record: ImageRecord {
                name: name.to_owned(),
                manifest: digest,
                manifest_size: 2,
                media_type: String::new(),
                config: digest,
                created: created.to_owned(),
            },
            size: 10,
            shared: 4,
            labels: BTreeMap::from([("a".to_owned(), "1".to_owned())]),
            platforms: Vec::new(),
        }
    }

    #[test]
    fn filters_mean_what_dockers_mean() {
        let named = image("docker.io/library/debian:12", "2026-01-02T00:00:00Z");
        let bare = image("", "");
        let reference = |pattern: &str| ImageFilter {
            references: vec![Glob::new("no").unwrap(), Glob::new(pattern).unwrap()],
            ..ImageFilter::default()
        };
        let label = |name: &str, value: Option<&str>, wanted| ImageFilter {
            labels: vec![LabelTest { name: name.to_owned(), value: value.map(str::to_owned), wanted }],
            ..ImageFilter::default()
        };
        let day = time("2026-01-02T00:00:00Z").unwrap();
        let before = |time| ImageFilter { before: Some(time), ..ImageFilter::default() };
        let since = |time| ImageFilter { since: Some(time), ..ImageFilter::default() };
        for (filter, fits) in [
            (ImageFilter::default(), [true, true]),
            (reference("debian"), [true, false]),
            (reference("deb*:1?"), [true, false]),
            (reference("debian:11"), [false, false]),
            (reference("*/debian"), [false, false]),
            (ImageFilter { dangling: Some(true), ..ImageFilter::default() }, [false, true]),
            (ImageFilter { dangling: Some(false), ..ImageFilter::default() }, [true, false]),
            (label("a", None, true), [true, true]),
            (label("a", Some("2"), true), [false, false]),
            (label("a", Some("2"), false), [true, true]),
            (label("b", None, false), [true, true]),
            (before((day.0, 1)), [true, false]),
            (before(day), [false, false]),
            (since((day.0 - 1, 0)), [true, false]),
            (since(day), [false, false]),
        ] {
            assert_eq!([filter.fits(&named), filter.fits(&bare)], fits, "{filter:?}");
        }
        assert_eq!(named.unique(), 6);
    }
}
