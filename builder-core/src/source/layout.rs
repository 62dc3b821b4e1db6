//! Images of OCI layouts, the store's own among them.

use std::path::{Path, PathBuf};

use super::{Origin, Resolved, ResolvedIndex, SourceError};
use crate::digest::Digest;
use crate::fs::PathContext;
use crate::fs::root::RootDir;
use crate::oci::{Document, IndexEntry, MAX_CONFIG_SIZE, MAX_MANIFEST_SIZE, Manifest, check_config, choose};
use crate::platform::Platform;
use crate::store::{ImageRecord, Store};

/// Nested indexes are followed this deep; one is usual, two exist.
const MAX_INDEX_DEPTH: usize = 4;

/// Resolves a named image of the store.
///
/// # Errors
/// [`SourceError`] where its documents are missing or damaged.
pub fn resolve_stored(store: &Store, image: &ImageRecord, platform: &Platform) -> Result<Resolved, SourceError> {
    let read = |digest: &Digest, limit: u64| Ok(store.read_blob(digest, limit)?);
    resolve(&read, image.manifest, platform, image.name.clone(), Origin::Store)
}

/// Resolves an image of an OCI layout directory: the one with this name or digest, or the only one. `shown` is what
/// the layout is called: the directory itself, or the archive that was unpacked into it.
///
/// # Errors
/// [`SourceError::NotAnImage`] for another directory, [`SourceError::Ambiguous`] where none or several fit.
pub fn resolve_layout(
    directory: &Path,
    shown: &Path,
    tag: Option<&str>,
    digest: Option<&Digest>,
    platform: &Platform,
) -> Result<Resolved, SourceError> {
    if !directory.join("index.json").is_file() {
        return Err(SourceError::NotAnImage { path: shown.to_owned() });
    }
    let read = |digest: &Digest, limit: u64| read_verified(directory, shown, digest, limit);
    let origin = Origin::Layout(directory.to_owned());
    let display = format!("oci-layout://{}", shown.display());
    if let Some(digest) = digest {
        return resolve(&read, *digest, platform, display, origin);
    }
    let entries = index_entries(directory, shown)?;
    let named: Vec<&IndexEntry> = match tag {
        None => entries.iter().collect(),
        Some(tag) => entries.iter().filter(|entry| names(entry).any(|name| fits(name, tag))).collect(),
    };
    let mut digests: Vec<Digest> = named.iter().map(|entry| entry.descriptor.digest).collect();
    digests.sort_unstable();
    digests.dedup();
    if let [only] = digests.as_slice() {
        return resolve(&read, *only, platform, display, origin);
    }
    // One entry a platform, without names, is an index written flat.
    if tag.is_none() && entries.iter().all(|entry| entry.platform.is_some()) && !entries.is_empty() {
        let chosen = choose(&entries, platform)?.descriptor.digest;
        return resolve(&read, chosen, platform, display, origin);
    }
    let known: Vec<&str> = entries.iter().flat_map(names).collect();
    let (path, wanted) = (shown.to_owned(), tag.map(str::to_owned));
    Err(SourceError::Ambiguous { path, wanted, found: digests.len(), names: known.join(", ") })
}

/// Reads the entries of a layout's `index.json`.
pub(crate) fn index_entries(directory: &Path, shown: &Path) -> Result<Vec<IndexEntry>, SourceError> {
    let bytes = read_bounded(directory, Path::new("index.json"), MAX_MANIFEST_SIZE)?;
    match Document::parse(&bytes, Some(crate::oci::media_type::OCI_INDEX))? {
        Document::Index(entries) => Ok(entries),
        Document::Manifest(_) => Err(SourceError::NotAnImage { path: shown.to_owned() }),
    }
}

/// The names that an entry of an index has.
pub(crate) fn names(entry: &IndexEntry) -> impl Iterator<Item = &str> {
    ["org.opencontainers.image.ref.name", "io.containerd.image.name"]
        .into_iter()
        .filter_map(|key| entry.annotations.get(key).map(String::as_str))
}

fn fits(name: &str, tag: &str) -> bool {
    name == tag || name.rsplit_once(':').is_some_and(|(_, known)| known == tag)
}

type ReadBlob<'r> = dyn Fn(&Digest, u64) -> Result<Vec<u8>, SourceError> + 'r;

/// Follows indexes down to the manifest for a platform, and reads its config.
pub(super) fn resolve(
    read: &ReadBlob<'_>,
    digest: Digest,
    platform: &Platform,
    display: String,
    origin: Origin,
) -> Result<Resolved, SourceError> {
    let mut digest = digest;
    let mut index = None;
    for _ in 0..MAX_INDEX_DEPTH {
        let bytes = read(&digest, MAX_MANIFEST_SIZE)?;
        match Document::parse(&bytes, None)? {
            Document::Index(entries) => {
                index.get_or_insert_with(|| ResolvedIndex {
                    digest,
                    size: bytes.len() as u64,
                    media_type: index_type(&bytes),
                    members: entries.iter().map(|entry| entry.descriptor.digest).collect(),
                });
                digest = choose(&entries, platform)?.descriptor.digest;
            }
            Document::Manifest(manifest) => {
                let resolved = with_config(read, digest, bytes, manifest, display, origin)?;
                return Ok(Resolved { index, ..resolved });
            }
        }
    }
    Err(SourceError::NotFound { name: display })
}

/// What an index says it is.
pub(crate) fn index_type(bytes: &[u8]) -> String {
    let own = serde_json::from_slice::<serde_json::Value>(bytes).ok();
    let own = own.and_then(|value| value["mediaType"].as_str().map(str::to_owned));
    own.unwrap_or_else(|| crate::oci::media_type::OCI_INDEX.to_owned())
}

fn with_config(
    read: &ReadBlob<'_>,
    digest: Digest,
    manifest_bytes: Vec<u8>,
    manifest: Manifest,
    display: String,
    origin: Origin,
) -> Result<Resolved, SourceError> {
    let config_bytes = read(&manifest.config.digest, MAX_CONFIG_SIZE)?;
    let config = check_config(&config_bytes, &manifest)?;
    Ok(Resolved {
        display,
        manifest: digest,
        manifest_bytes,
        media_type: manifest.media_type,
        config,
        config_digest: manifest.config.digest,
        config_bytes,
        layers: manifest.layers,
        index: None,
        origin,
    })
}

/// Keeps an index in the store: it is the proof that the digest of an index stands for one of its images.
pub(super) fn keep_index(store: &Store, bytes: &[u8]) -> Result<(), SourceError> {
    if let Ok(Document::Index(_)) = Document::parse(bytes, None) {
        store.write_blob(bytes)?;
    }
    Ok(())
}

/// Reads a document of a layout, which must have the digest that it is named after.
pub(crate) fn read_verified(
    directory: &Path,
    shown: &Path,
    digest: &Digest,
    limit: u64,
) -> Result<Vec<u8>, SourceError> {
    let bytes = read_bounded(directory, &blob_name(digest), limit)?;
    let found = Digest::of(&bytes);
    if found != *digest {
        return Err(SourceError::Mismatch { path: shown.to_owned(), expected: *digest, found });
    }
    Ok(bytes)
}

/// Reads a small file of a layout, which may come from an archive: links are followed inside it only.
pub(super) fn read_bounded(directory: &Path, name: &Path, limit: u64) -> Result<Vec<u8>, SourceError> {
    let root = RootDir::open(directory)?;
    match root.open_file(name)?.metadata().at("examine", name)?.len() {
        size if size > limit => Err(SourceError::TooLarge { name: name.display().to_string(), limit }),
        _ => root.read(name, limit)?.ok_or_else(|| SourceError::MissingFile(name.display().to_string())),
    }
}

/// The name of a blob in a layout.
pub(crate) fn blob_name(digest: &Digest) -> PathBuf {
    Path::new("blobs/sha256").join(digest.hex())
}
