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
use crate::oci::media_type;
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
    let config = serde_json::to_vec(document)?;
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
