//! The choice of a platform's image from an index.

use super::IndexEntry;
use crate::platform::Platform;

/// No entry of an index fits the platform.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("no image for platform `{wanted}`, there is one for {}", list(offered))]
pub struct SelectError {
    /// The platform asked for.
    pub wanted: Platform,
    /// The platforms that the index has.
    pub offered: Vec<Platform>,
}

fn list(offered: &[Platform]) -> String {
    if offered.is_empty() {
        return "none at all".to_owned();
    }
    offered.iter().map(|platform| format!("`{platform}`")).collect::<Vec<_>>().join(", ")
}

/// Chooses the entry that runs best on a platform; of equals the first. Entries without a platform (as
/// archives have them) are taken when nothing else fits and there is only one. Attestations are no images.
///
/// # Errors
/// [`SelectError`] when no entry fits.
pub fn choose<'a>(entries: &'a [IndexEntry], wanted: &Platform) -> Result<&'a IndexEntry, SelectError> {
    let images: Vec<&IndexEntry> = entries.iter().filter(|entry| is_image(entry)).collect();
    let mut best: Option<(u32, &IndexEntry)> = None;
    for entry in &images {
        let Some(rank) = entry.platform.as_ref().and_then(|offered| wanted.rank(offered)) else { continue };
        if best.is_none_or(|(found, _)| rank > found) {
            best = Some((rank, entry));
        }
    }
    if let Some((_, entry)) = best {
        return Ok(entry);
    }
    let mut unnamed = images.iter().filter(|entry| entry.platform.is_none());
    if let (Some(entry), None) = (unnamed.next(), unnamed.next()) {
        return Ok(entry);
    }
    let offered = images.iter().filter_map(|entry| entry.platform.clone()).collect();
    Err(SelectError { wanted: wanted.clone(), offered })
}

fn is_image(entry: &IndexEntry) -> bool {
    !entry.annotations.contains_key("vnd.docker.reference.type")
        && entry.platform.as_ref().is_none_or(|platform| platform.os != "unknown")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::Digest;
    use crate::oci::{BlobDescriptor, media_type};

    fn entry(name: &str, platform: Option<&str>) -> IndexEntry {
        let descriptor = BlobDescriptor {
            digest: Digest::of(name.as_bytes()),
            size: 1,
            media_type: media_type::OCI_MANIFEST.to_owned(),
        };
        let platform = platform.map(|text| text.parse().expect("platform"));
        IndexEntry { descriptor, platform, annotations: std::collections::BTreeMap::new() }
    }

    fn chosen(entries: &[IndexEntry], wanted: &str) -> Option<usize> {
        let found = choose(entries, &wanted.parse().expect("platform")).ok()?;
        entries.iter().position(|entry| entry == found)
    }

    #[test]
    fn the_best_variant_is_taken() {
        let entries = [
            entry("a", Some("linux/amd64")),
            entry("b", Some("linux/arm/v6")),
            entry("c", Some("linux/arm/v7")),
            entry("d", Some("linux/arm64")),
        ];
        assert_eq!(chosen(&entries, "linux/arm/v7"), Some(2));
        assert_eq!(chosen(&entries, "linux/arm/v6"), Some(1));
        assert_eq!(chosen(&entries, "linux/amd64"), Some(0));
        assert_eq!(chosen(&entries, "linux/s390x"), None);
    }

    #[test]
    fn attestations_are_passed_over_and_a_single_unnamed_image_is_taken() {
        let mut attestation = entry("a", None);
        attestation.annotations.insert("vnd.docker.reference.type".to_owned(), "attestation-manifest".to_owned());
        let entries = [attestation, entry("b", None)];
        assert_eq!(chosen(&entries, "linux/amd64"), Some(1));
        assert_eq!(chosen(&[entry("a", None), entry("b", None)], "linux/amd64"), None);
    }

    #[test]
    fn the_error_lists_what_there_is() {
        let error = choose(&[entry("a", Some("linux/arm64"))], &"linux/amd64".parse().expect("platform"))
            .expect_err("must not fit");
        assert_eq!(error.to_string(), "no image for platform `linux/amd64`, there is one for `linux/arm64`");
    }
}
