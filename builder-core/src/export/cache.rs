//! Shared caches as OCI image layouts.

use std::fs::File;
use std::io::Write;
use std::path::Path;

use serde_json::{Value, json};

use super::ExportError;
use super::archive::{Place, place};
use crate::cache::shared::{CONFIG_TYPE, CacheDocument};
use crate::cancel::CancelToken;
use crate::digest::Digest;
use crate::fs::PathContext;
use crate::image::{Content, Descriptor};
#[cfg(feature = "registry")]
use crate::image::{ImageForm, LayerBlobs};
#[cfg(feature = "registry")]
use crate::oci::BlobDescriptor;
use crate::oci::media_type;
#[cfg(feature = "registry")]
use crate::reference::Reference;
#[cfg(feature = "registry")]
use crate::registry::{Client, ManifestName, RegistryOptions, Upload, UploadContent};
use crate::snapshot::Snapshots;

/// The largest `index.json` that is read, in bytes.
const MAX_INDEX_SIZE: u64 = 4 << 20;
/// The annotation that names an entry of a layout.
const REF_NAME: &str = "org.opencontainers.image.ref.name";

/// A layer of a cache.
#[derive(Debug)]
pub struct CacheBlob {
    /// What it is.
    pub descriptor: Descriptor,
    /// Where its bytes are.
    pub content: Content,
}

/// Returns the config and the manifest of a cache, as they are written.
///
/// # Errors
/// [`ExportError::Json`].
pub fn cache_manifest(document: &CacheDocument, layers: &[Descriptor]) -> Result<(Vec<u8>, Vec<u8>), ExportError> {
    let blobs: Vec<Digest> = layers.iter().map(|layer| layer.digest).collect();
    let config = serde_json::to_vec(&document.with_blobs(&blobs))?;
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": media_type::OCI_MANIFEST,
        "config": { "mediaType": CONFIG_TYPE, "digest": Digest::of(&config), "size": config.len() },
        "layers": layers,
    });
    Ok((config, serde_json::to_vec(&manifest)?))
}

/// Writes a cache into an OCI image layout, under a name. What the layout has under other names stays; a blob that is
/// there is not written again.
///
/// # Errors
/// [`ExportError`].
pub fn write_cache_layout(
    snapshots: &Snapshots,
    document: &CacheDocument,
    layers: &[CacheBlob],
    directory: &Path,
    tag: &str,
    cancel: &CancelToken,
) -> Result<(), ExportError> {
    let blobs = directory.join("blobs/sha256");
    std::fs::create_dir_all(&blobs).at("create directory", &blobs)?;
    for CacheBlob { descriptor, content } in layers {
        cancel.check()?;
        let path = blobs.join(descriptor.digest.hex());
        let known = path.metadata().is_ok_and(|metadata| metadata.len() == descriptor.size);
        if known {
            continue;
        }
        match place(snapshots, &descriptor.digest, content, cancel)? {
            Place::Bytes(bytes) => write_whole(&blobs, &path, &mut &*bytes)?,
            Place::File(from, _) => write_whole(&blobs, &path, &mut File::open(&from).at("open", &from)?)?,
            Place::Stored(mut blob, _) => write_whole(&blobs, &path, &mut blob)?,
        }
    }
    let descriptors: Vec<Descriptor> = layers.iter().map(|layer| layer.descriptor.clone()).collect();
    let (config, manifest) = cache_manifest(document, &descriptors)?;
    for bytes in [&config, &manifest] {
        write_whole(&blobs, &blobs.join(Digest::of(bytes).hex()), &mut bytes.as_slice())?;
    }
    let layout = directory.join("oci-layout");
    write_whole(directory, &layout, &mut br#"{"imageLayoutVersion":"1.0.0"}"#.as_slice())?;
    // The index comes last: until then nobody finds the cache.
    let entry = json!({
        "mediaType": media_type::OCI_MANIFEST,
        "digest": Digest::of(&manifest),
        "size": manifest.len(),
        "annotations": { REF_NAME: tag },
    });
    let path = directory.join("index.json");
    let mut entries = other_entries(&path, tag);
    entries.push(entry);
    let index = json!({ "schemaVersion": 2, "mediaType": media_type::OCI_INDEX, "manifests": entries });
    write_whole(directory, &path, &mut serde_json::to_vec(&index)?.as_slice())
}

/// Pushes a cache under a tag. A layer that the repository has is not made, fetched or sent. `progress` is told a
/// blob, its bytes so far and in all.
///
/// # Errors
/// [`ExportError::Registry`]; blobs that are complete stay, and the tag does not change.
#[cfg(feature = "registry")]
pub fn push_cache(
    snapshots: &Snapshots,
    cache: &CacheToPush<'_>,
    progress: &(dyn Fn(&Digest, u64, u64) + Sync),
    cancel: &CancelToken,
) -> Result<(), ExportError> {
    let client = Client::to_push(cache.target, cache.options)?;
    let mut forms = LayerBlobs::new(snapshots, cache.form);
    let form = forms.form_name();
    let (store, mut descriptors, mut uploads) = (snapshots.store(), Vec::new(), Vec::new());
    let mut send = |descriptor: &Descriptor, content: UploadContent| -> Result<(), ExportError> {
        let mut sources = store.repositories_with(&descriptor.digest, cache.target.domain(), 1)?;
        sources.retain(|source| source != cache.target.path());
        uploads.push(Upload { digest: descriptor.digest, size: descriptor.size, content, sources });
        Ok(())
    };
    for (known, chain) in cache.layers {
        cancel.check()?;
        // One that came from a cache stays as it is there.
        if let Some(source) = snapshots.source_of(&known.digest).filter(|source| source.cache().is_some())
            && (snapshots.elsewhere(chain)?.is_some() || store.is_verified(&source.blob().digest, &known.digest)?)
        {
            let blob = source.blob();
            let descriptor = Descriptor::foreign(&blob.media_type, blob.digest, blob.size);
            if !client.has_blob(&blob.digest, cancel)? {
                snapshots.fetch_blob(&source, progress, cancel)?;
                send(&descriptor, UploadContent::File(store.blob_path(&blob.digest)))?;
            }
            descriptors.push(descriptor);
            continue;
        }
        if let Some((digest, size)) = store.layer_form(&known.digest, &form)?
            && client.has_blob(&digest, cancel)?
        {
            descriptors.push(forms.descriptor(digest, size));
            continue;
        }
        let (descriptor, content) = forms.get(known, chain, cancel)?;
        let content = match content {
            Content::Bytes(bytes) => UploadContent::Bytes(bytes),
            Content::File(path, _) => UploadContent::File(path),
            Content::Stored { chain, .. } => {
                snapshots.ensure_blob(&chain, cancel)?;
                UploadContent::File(store.blob_path(&descriptor.digest))
            }
        };
        send(&descriptor, content)?;
        descriptors.push(descriptor);
    }
    let (config, manifest) = cache_manifest(cache.document, &descriptors)?;
    let of_config = Descriptor::foreign(CONFIG_TYPE, Digest::of(&config), config.len() as u64);
    send(&of_config, UploadContent::Bytes(config))?;
    client.push_blobs(&uploads, progress, cancel)?;
    let tag = cache.target.tag().unwrap_or(crate::reference::DEFAULT_TAG);
    client.push_manifest(ManifestName::Tag(tag), media_type::OCI_MANIFEST, &manifest, cancel)?;
    let digests: Vec<Digest> = descriptors.iter().map(|descriptor| descriptor.digest).collect();
    Ok(store.note_whereabouts(cache.target.domain(), cache.target.path(), &digests)?)
}

/// A cache on its way to a registry.
#[cfg(feature = "registry")]
#[derive(Debug)]
pub struct CacheToPush<'c> {
    /// What it knows.
    pub document: &'c CacheDocument,
    /// Its layers in order: the plain blob of each, and the chain up to it.
    pub layers: &'c [(BlobDescriptor, Vec<Digest>)],
    /// How they are compressed.
    pub form: ImageForm,
    /// Where it goes.
    pub target: &'c Reference,
    /// How the registry is reached.
    pub options: &'c RegistryOptions,
}

/// What a layout has under other names; nothing where its index cannot be read.
fn other_entries(path: &Path, tag: &str) -> Vec<Value> {
    let fits = path.metadata().is_ok_and(|metadata| metadata.len() <= MAX_INDEX_SIZE);
    let bytes = if fits { std::fs::read(path).unwrap_or_default() } else { Vec::new() };
    let index: Value = serde_json::from_slice(&bytes).unwrap_or_default();
    let entries = index["manifests"].as_array().cloned().unwrap_or_default();
    entries.into_iter().filter(|entry| entry["annotations"][REF_NAME].as_str() != Some(tag)).collect()
}

/// Writes a file under another name first: it is there whole, or not.
fn write_whole(directory: &Path, path: &Path, from: &mut dyn std::io::Read) -> Result<(), ExportError> {
    let mut file = tempfile::NamedTempFile::new_in(directory).at("create in", directory)?;
    std::io::copy(from, &mut file).at("write", path)?;
    file.flush().at("write", path)?;
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o644);
    file.as_file().set_permissions(mode).at("set the mode of", path)?;
    file.persist(path).map_err(|error| error.error).at("rename", path)?;
    Ok(())
}
