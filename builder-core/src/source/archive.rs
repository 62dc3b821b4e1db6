//! Archives of images: what `docker save`, `skopeo copy`, `podman save` and this builder write.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::json;

use super::layout::{blob_name, index_entries, keep_index, names, read_bounded, read_verified, resolve};
use super::{Origin, Progress, SourceError};
use crate::cancel::CancelToken;
use crate::digest::Digest;
use crate::fs::root::RootDir;
use crate::fs::{Counted, PathContext};
use crate::layer::LayerError;
use crate::layer::compression::decompress;
use crate::oci::{BlobDescriptor, Document, ImageConfig, MAX_CONFIG_SIZE, MAX_LAYERS, MAX_MANIFEST_SIZE, media_type};
use crate::platform::Platform;
use crate::reference::Reference;
use crate::snapshot::SnapshotError;
use crate::store::{ImageRecord, Store, WorkDir};

/// The most names that the images of an archive have. Each one is a line of the store's own `index.json`, which is
/// written anew with every change of a name.
const MAX_NAMES: usize = 10_000;

/// An image that an archive brought.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LoadedImage {
    /// The full names that it has in the store now; none for an image without a name.
    pub names: Vec<String>,
    /// The digest of its manifest.
    pub manifest: Digest,
    /// The digest of its config.
    pub config: Digest,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct DockerImage {
    config: String,
    #[serde(default)]
    repo_tags: Option<Vec<String>>,
    layers: Vec<String>,
}

/// Unpacks an archive, in whatever compression, into a temporary directory of the store. `name` is what it is
/// called in messages.
///
/// # Errors
/// [`SourceError::Unpack`] for what is no archive or a damaged one, [`SourceError::Snapshot`] where the store's
/// disk does not take it.
pub fn unpack_archive(
    reader: impl Read + Send,
    name: &Path,
    store: &Store,
    cancel: &CancelToken,
) -> Result<WorkDir, SourceError> {
    let work = store.work_dir()?;
    let root = RootDir::open(work.path())?;
    let unpack = || -> Result<(), SourceError> {
        let mut tar = decompress(reader).map_err(SourceError::Read)?;
        crate::layer::unpack(&mut tar, &root, cancel).map_err(|error| match error {
            LayerError::Read(error) => SourceError::Read(error),
            error => SnapshotError::from(error).into(),
        })?;
        Ok(())
    };
    match unpack() {
        Err(error) if error.is_content() => Err(SourceError::Unpack { path: name.to_owned(), source: Box::new(error) }),
        outcome => outcome.map(|()| work),
    }
}

/// What is loaded, into where.
#[derive(Clone, Copy)]
pub struct LoadRequest<'l> {
    /// The store.
    pub store: &'l Store,
    /// The platform of the image that is wanted, where one is.
    pub platform: Option<&'l Platform>,
    /// Is told a blob, its bytes so far and in all.
    pub progress: &'l Progress<'l>,
    /// Ends it.
    pub cancel: &'l CancelToken,
}

impl std::fmt::Debug for LoadRequest<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LoadRequest").field("platform", &self.platform).finish_non_exhaustive()
    }
}

/// An archive that was unpacked, and what it is called.
#[derive(Clone, Copy)]
struct Archive<'a> {
    directory: &'a Path,
    name: &'a Path,
    how: &'a LoadRequest<'a>,
}

/// Puts every image of an unpacked archive, or of a directory with an OCI image layout, into the store, under its
/// names. `name` is what the archive is called in messages. Of an index it is the image for `platform`; where none was named all that it has, or the one for this
/// machine where some are missing.
///
/// # Errors
/// [`SourceError::NotAnImage`] for another archive, [`SourceError::WrongPlatform`] and [`SourceError::Select`] for one
/// without an image for the platform, [`SourceError::Name`] for names with a digest that is not the
/// image's, and what else can be wrong with one; images before the bad
/// one stay.
pub fn load_directory(directory: &Path, name: &Path, how: &LoadRequest<'_>) -> Result<Vec<LoadedImage>, SourceError> {
    let archive = Archive { directory, name, how };
    if directory.join("index.json").is_file() {
        return load_layout(&archive);
    }
    if !directory.join("manifest.json").is_file() {
        return Err(SourceError::NotAnImage { path: name.to_owned() });
    }
    let bytes = read_bounded(directory, Path::new("manifest.json"), MAX_MANIFEST_SIZE)?;
    let damaged = |source| SourceError::Damaged { name: "manifest.json".to_owned(), source };
    let images: Vec<DockerImage> = serde_json::from_slice(&bytes).map_err(damaged)?;
    check_names(images.iter().filter_map(|image| image.repo_tags.as_ref()).map(Vec::len).sum())?;
    named_at_once(how.store, |loaded| {
        for image in &images {
            loaded.push(load_docker(&archive, image)?);
        }
        Ok(())
    })
}

/// Refuses an archive with more names than anybody gives.
fn check_names(count: usize) -> Result<(), SourceError> {
    if count > MAX_NAMES { Err(SourceError::TooManyNames { count, limit: MAX_NAMES }) } else { Ok(()) }
}

/// Loads images and gives them their names, all of them at once; where one fails, those before it.
fn named_at_once(
    store: &Store,
    load: impl FnOnce(&mut Vec<(ImageRecord, Vec<String>)>) -> Result<(), SourceError>,
) -> Result<Vec<LoadedImage>, SourceError> {
    let mut images = Vec::new();
    let outcome = load(&mut images);
    let mut records = Vec::new();
    for (record, names) in &images {
        let names = if names.is_empty() { &[String::new()][..] } else { names };
        records.extend(names.iter().map(|name| ImageRecord { name: name.clone(), ..record.clone() }));
    }
    store.tag_all(&records)?;
    outcome?;
    let loaded = |(record, names): (ImageRecord, Vec<String>)| LoadedImage {
        names,
        manifest: record.manifest,
        config: record.config,
    };
    Ok(images.into_iter().map(loaded).collect())
}

fn load_layout(archive: &Archive<'_>) -> Result<Vec<LoadedImage>, SourceError> {
    let (directory, name) = (archive.directory, archive.name);
    let mut images: BTreeMap<Digest, Vec<String>> = BTreeMap::new();
    let entries = index_entries(directory, name)?;
    // Each name is an entry of its own, be it written in two ways.
    check_names(entries.len())?;
    for entry in entries {
        let known = images.entry(entry.descriptor.digest).or_default();
        known.extend(full_names(names(&entry).map(str::to_owned).collect(), Some(entry.descriptor.digest))?);
    }
    named_at_once(archive.how.store, |loaded| {
        for (digest, mut full) in images {
            full.sort();
            full.dedup();
            let record = load_image(archive, digest, &full)?;
            loaded.push((record, full));
        }
        Ok(())
    })
}

/// Takes an image of a layout into the store, without its names.
fn load_image(archive: &Archive<'_>, digest: Digest, names: &[String]) -> Result<ImageRecord, SourceError> {
    let Archive { directory, name, how: LoadRequest { store, platform, .. } } = *archive;
    let read = |digest: &Digest, limit: u64| {
        let bytes = read_verified(directory, name, digest, limit)?;
        keep_index(store, &bytes)?;
        Ok(bytes)
    };
    let wanted = platform.cloned().unwrap_or_else(Platform::host);
    let image = resolve(&read, digest, &wanted, name.display().to_string(), Origin::Layout(directory.to_owned()))?;
    check_platform(names, name, &image.config, *platform)?;
    let created = image.config.created.clone().unwrap_or_default();
    let mut record = ImageRecord {
        name: String::new(),
        manifest: image.manifest,
        manifest_size: image.manifest_bytes.len() as u64,
        media_type: image.media_type.clone(),
        config: image.config_digest,
        created,
    };
    if let Some(index) = &image.index
        && platform.is_none()
        && index.members.len() > 1
        && whole_index(archive, &index.digest)?
    {
        record.manifest = index.digest;
        record.manifest_size = index.size;
        record.media_type.clone_from(&index.media_type);
        record.config = index.digest;
    } else {
        for layer in &image.layers {
            take_blob(archive, layer)?;
        }
        store.write_blob(&image.config_bytes)?;
        store.write_blob(&image.manifest_bytes)?;
    }
    Ok(record)
}

/// Refuses an image for another platform than the one that was asked for.
fn check_platform(
    names: &[String],
    file: &Path,
    config: &ImageConfig,
    wanted: Option<&Platform>,
) -> Result<(), SourceError> {
    let found = config.platform();
    match wanted.filter(|wanted| wanted.rank(&found).is_none()) {
        None => Ok(()),
        Some(wanted) => {
            let name = names.first().cloned().unwrap_or_else(|| file.display().to_string());
            Err(SourceError::WrongPlatform { name, found, wanted: wanted.clone() })
        }
    }
}

/// Takes a blob of a layout into the store.
fn take_blob(archive: &Archive<'_>, blob: &BlobDescriptor) -> Result<(), SourceError> {
    let how = archive.how;
    if !how.store.has_whole_blob(&blob.digest, blob.size) {
        let file = RootDir::open(archive.directory)?.open_file(&blob_name(&blob.digest))?;
        let tell = |count| (how.progress)(&blob.digest, count, blob.size);
        how.store.ingest(&blob.digest, blob.size, &mut Counted::new(file, &tell), how.cancel)?;
    }
    Ok(())
}

/// Takes an index with everything that it names, where the layout has all of it: images and statements about them.
/// Nothing is taken, and `false` returned, where something is missing or no image.
fn whole_index(archive: &Archive<'_>, index: &Digest) -> Result<bool, SourceError> {
    let Archive { directory, name, how: LoadRequest { store, .. } } = *archive;
    let there = |digest: &Digest| directory.join(blob_name(digest)).is_file();
    let bytes = read_verified(directory, name, index, MAX_MANIFEST_SIZE)?;
    let Document::Index(entries) = Document::parse(&bytes, None)? else { return Ok(false) };
    let mut blobs = Vec::new();
    for entry in &entries {
        blobs.push(entry.descriptor.clone());
        if !there(&entry.descriptor.digest) {
            return Ok(false);
        }
        // Statements have layers of their own kind: of them only the descriptors are looked at.
        let manifest = read_verified(directory, name, &entry.descriptor.digest, MAX_MANIFEST_SIZE)?;
        let Ok(manifest) = serde_json::from_slice::<LooseManifest>(&manifest) else { return Ok(false) };
        blobs.push(manifest.config.into());
        blobs.extend(manifest.layers.into_iter().map(BlobDescriptor::from));
    }
    if !blobs.iter().all(|blob| there(&blob.digest)) {
        return Ok(false);
    }
    for blob in &blobs {
        take_blob(archive, blob)?;
    }
    store.write_blob(&bytes)?;
    Ok(true)
}

/// A manifest of whatever it is.
#[derive(Deserialize)]
struct LooseManifest {
    config: LooseDescriptor,
    #[serde(default)]
    layers: Vec<LooseDescriptor>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct LooseDescriptor {
    digest: Digest,
    size: u64,
    media_type: String,
}

impl From<LooseDescriptor> for BlobDescriptor {
    fn from(descriptor: LooseDescriptor) -> Self {
        Self { digest: descriptor.digest, size: descriptor.size, media_type: descriptor.media_type }
    }
}

/// Brings names to their full form. A bare tag, as OCI archives have it, names nothing by itself. A name with a
/// digest is true of the image with that digest and a lie about any other: docker does not load it either.
fn full_names(names: Vec<String>, verified: Option<Digest>) -> Result<Vec<String>, SourceError> {
    let has_full = names.iter().any(|name| name.contains(['/', ':']));
    let names = names.into_iter().filter(|name| !has_full || name.contains(['/', ':']));
    let mut full = Vec::new();
    for reference in names.filter_map(|name| name.parse::<Reference>().ok()) {
        if reference.digest().is_none() || reference.digest() != verified.as_ref() {
            reference.check_as_name()?;
        }
        full.push(reference.to_string());
    }
    Ok(full)
}

/// Makes an OCI image of one entry of `manifest.json`: its layers become plain tar blobs.
fn load_docker(archive: &Archive<'_>, image: &DockerImage) -> Result<(ImageRecord, Vec<String>), SourceError> {
    let Archive { directory, how: LoadRequest { store, platform, progress, cancel }, .. } = *archive;
    let names = full_names(image.repo_tags.clone().unwrap_or_default(), None)?;
    let root = RootDir::open(directory)?;
    let missing = |name: &str| SourceError::MissingFile(name.to_owned());
    let config_bytes = root.read(Path::new(&image.config), MAX_CONFIG_SIZE)?.ok_or_else(|| missing(&image.config))?;
    let damaged = |source| SourceError::Damaged { name: image.config.clone(), source };
    let config: ImageConfig = serde_json::from_slice(&config_bytes).map_err(damaged)?;
    check_platform(&names, Path::new(&image.config), &config, *platform)?;
    let diff_ids = &config.rootfs.diff_ids;
    if diff_ids.len() != image.layers.len() || diff_ids.len() > MAX_LAYERS {
        return Err(SourceError::LayerCount { layers: image.layers.len(), diff_ids: diff_ids.len() });
    }
    let mut layers = Vec::new();
    for (name, diff_id) in image.layers.iter().zip(diff_ids) {
        if store.blob_size(diff_id).is_none() {
            // Old archives have links from one layer's name to another's; they are followed inside the archive.
            let file = root.open_file(Path::new(name)).map_err(|_| missing(name))?;
            let size = file.metadata().at("examine", name)?.len();
            let tell = |count| progress(diff_id, count, size);
            let mut tar = decompress(Counted::new(file, &tell)).map_err(SourceError::Read)?;
            let mut blob = store.blob_writer()?;
            std::io::copy(&mut tar, &mut blob).map_err(SourceError::Read)?;
            cancel.check()?;
            let (found, _) = blob.finish_synced()?;
            if found != *diff_id {
                return Err(SourceError::Mismatch { path: PathBuf::from(name), expected: *diff_id, found });
            }
        }
        let size = store.blob_size(diff_id).unwrap_or_default();
        layers.push(json!({ "mediaType": media_type::OCI_LAYER, "digest": diff_id, "size": size }));
    }
    let config_digest = store.write_blob(&config_bytes)?;
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": media_type::OCI_MANIFEST,
        "config": { "mediaType": media_type::OCI_CONFIG, "digest": config_digest, "size": config_bytes.len() },
        "layers": layers,
    })
    .to_string();
    let digest = store.write_blob(manifest.as_bytes())?;
    let record = ImageRecord {
        name: String::new(),
        manifest: digest,
        manifest_size: manifest.len() as u64,
        media_type: media_type::OCI_MANIFEST.to_owned(),
        config: config_digest,
        created: config.created.unwrap_or_default(),
    };
    Ok((record, names))
}
