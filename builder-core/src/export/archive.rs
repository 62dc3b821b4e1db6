//! OCI image layouts, as directories and archives; docker archives are such layouts with a `manifest.json`.
//!
//! The same image gives the same bytes: entries are sorted, and their times are given.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::ExportError;
use crate::cancel::CancelToken;
use crate::digest::{Digest, DigestWriter};
use crate::fs::PathContext;
use crate::image::ImageView;
use crate::layer::compression::{Compression, Compressor};
use crate::oci::{BlobDescriptor, MAX_CONFIG_SIZE, media_type};
use crate::reference::Reference;
use crate::snapshot::Snapshots;
use crate::store::WorkDir;

/// What other tools an archive is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Format {
    /// An OCI image layout.
    Oci,
    /// The same with a `manifest.json`, for `docker load` and `podman load`.
    Docker,
}

/// An image and the names that it has in the export.
#[derive(Clone, PartialEq, Debug)]
pub struct ExportImage {
    /// The image.
    pub view: ImageView,
    /// Its names.
    pub names: Vec<Reference>,
}

/// A blob of the export.
enum Content {
    Bytes(Vec<u8>),
    File(PathBuf, u64),
}

struct Layout {
    blobs: BTreeMap<Digest, Content>,
    documents: Vec<(&'static str, Vec<u8>)>,
    /// Holds the compressed layers until they are written.
    _work: WorkDir,
}

/// Writes images as one archive. File times in it are `time`, seconds since 1970.
///
/// # Errors
/// [`ExportError`].
pub fn write_archive(
    snapshots: &Snapshots,
    images: &[ExportImage],
    format: Format,
    compression: Compression,
    time: i64,
    out: &mut dyn Write,
    cancel: &CancelToken,
) -> Result<(), ExportError> {
    let layout = prepare(snapshots, images, format, compression, cancel)?;
    let mut archive = tar::Builder::new(out);
    let time = u64::try_from(time).unwrap_or(0);
    for directory in ["blobs/", "blobs/sha256/"] {
        let mut header = header(0, time);
        header.set_entry_type(tar::EntryType::Directory);
        header.set_mode(0o755);
        archive.append_data(&mut header, directory, std::io::empty()).map_err(ExportError::Write)?;
    }
    for (digest, content) in &layout.blobs {
        cancel.check()?;
        let name = format!("blobs/sha256/{}", digest.hex());
        match content {
            Content::Bytes(bytes) => archive.append_data(&mut header(bytes.len() as u64, time), name, bytes.as_slice()),
            Content::File(path, size) => {
                let file = File::open(path).at("open", path)?.take(*size);
                archive.append_data(&mut header(*size, time), name, file)
            }
        }
        .map_err(ExportError::Write)?;
    }
    for (name, bytes) in &layout.documents {
        let mut header = header(bytes.len() as u64, time);
        archive.append_data(&mut header, name, bytes.as_slice()).map_err(ExportError::Write)?;
    }
    archive.finish().map_err(ExportError::Write)
}

/// Writes images as an OCI image layout directory, over what is there.
///
/// # Errors
/// [`ExportError`].
pub fn write_layout(
    snapshots: &Snapshots,
    images: &[ExportImage],
    format: Format,
    compression: Compression,
    directory: &Path,
    cancel: &CancelToken,
) -> Result<(), ExportError> {
    let layout = prepare(snapshots, images, format, compression, cancel)?;
    let blobs = directory.join("blobs/sha256");
    std::fs::create_dir_all(&blobs).at("create directory", &blobs)?;
    for (digest, content) in &layout.blobs {
        cancel.check()?;
        let path = blobs.join(digest.hex());
        match content {
            Content::Bytes(bytes) => std::fs::write(&path, bytes).at("write", &path)?,
            Content::File(from, _) => {
                std::fs::copy(from, &path).at("copy to", &path)?;
            }
        }
    }
    // The index comes last: until then nobody finds the image.
    for (name, bytes) in layout.documents.iter().rev() {
        let path = directory.join(name);
        std::fs::write(&path, bytes).at("write", &path)?;
    }
    Ok(())
}

fn header(size: u64, time: u64) -> tar::Header {
    let mut header = tar::Header::new_ustar();
    header.set_entry_type(tar::EntryType::Regular);
    header.set_size(size);
    header.set_mode(0o644);
    header.set_mtime(time);
    header
}

fn prepare(
    snapshots: &Snapshots,
    images: &[ExportImage],
    format: Format,
    compression: Compression,
    cancel: &CancelToken,
) -> Result<Layout, ExportError> {
    let work = snapshots.store().work_dir()?;
    let mut blobs = BTreeMap::new();
    let (mut entries, mut docker) = (Vec::new(), Vec::new());
    for (number, image) in images.iter().enumerate() {
        let config = snapshots.store().read_blob(&image.view.manifest.config.digest, MAX_CONFIG_SIZE)?;
        let mut layers: Vec<Value> = Vec::new();
        let mut paths: Vec<String> = Vec::new();
        for index in 0..image.view.manifest.layers.len() {
            let path = work.path().join(format!("{number}-{index}"));
            let (descriptor, content) = layer(snapshots, &image.view, index, compression, &path, cancel)?;
            layers.push(json!({
                "mediaType": descriptor.media_type, "digest": descriptor.digest, "size": descriptor.size,
            }));
            paths.push(format!("blobs/sha256/{}", descriptor.digest.hex()));
            blobs.insert(descriptor.digest, content);
        }
        let config_digest = Digest::of(&config);
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": media_type::OCI_MANIFEST,
            "config": { "mediaType": media_type::OCI_CONFIG, "digest": config_digest, "size": config.len() },
            "layers": layers,
        });
        let manifest = serde_json::to_vec(&manifest)?;
        entries.extend(index_entries(image, &manifest));
        let tags: Vec<String> = image.names.iter().map(Reference::familiar).collect();
        docker.push(json!({
            "Config": format!("blobs/sha256/{}", config_digest.hex()), "RepoTags": tags, "Layers": paths,
        }));
        blobs.insert(Digest::of(&manifest), Content::Bytes(manifest));
        blobs.insert(config_digest, Content::Bytes(config));
    }
    let index = json!({ "schemaVersion": 2, "mediaType": media_type::OCI_INDEX, "manifests": entries });
    let mut documents = vec![("index.json", serde_json::to_vec(&index)?)];
    if format == Format::Docker {
        documents.push(("manifest.json", serde_json::to_vec(&docker)?));
    }
    documents.push(("oci-layout", br#"{"imageLayoutVersion":"1.0.0"}"#.to_vec()));
    Ok(Layout { blobs, documents, _work: work })
}

/// One descriptor a name; without names, one by digest alone (dockerfile-semantics 13.3).
fn index_entries(image: &ExportImage, manifest: &[u8]) -> Vec<Value> {
    let platform = image.view.config.platform();
    let mut platform_json = json!({ "architecture": platform.architecture, "os": platform.os });
    if let Some(variant) = platform.variant {
        platform_json["variant"] = variant.into();
    }
    let descriptor = json!({
        "mediaType": media_type::OCI_MANIFEST,
        "digest": Digest::of(manifest),
        "size": manifest.len(),
        "platform": platform_json,
    });
    if image.names.is_empty() {
        return vec![descriptor];
    }
    let named = |name: &Reference| {
        let mut descriptor = descriptor.clone();
        descriptor["annotations"] = json!({
            "io.containerd.image.name": name.to_string(),
            "org.opencontainers.image.ref.name": name.tag().unwrap_or(crate::reference::DEFAULT_TAG),
        });
        descriptor
    };
    image.names.iter().map(named).collect()
}

/// Finds or makes the blob of a layer. Layers that came compressed stay as they came.
fn layer(
    snapshots: &Snapshots,
    image: &ImageView,
    index: usize,
    compression: Compression,
    path: &Path,
    cancel: &CancelToken,
) -> Result<(BlobDescriptor, Content), ExportError> {
    let store = snapshots.store();
    let known = &image.manifest.layers[index];
    let plain = matches!(known.media_type.as_str(), media_type::OCI_LAYER | media_type::DOCKER_LAYER);
    let chain = &image.config.rootfs.diff_ids[..=index];
    if !plain || compression == Compression::Uncompressed {
        if !store.has_blob(&known.digest) {
            snapshots.ensure_blob(chain, cancel)?;
        }
        let media_type = match known.media_type.as_str() {
            media_type::DOCKER_LAYER => media_type::OCI_LAYER,
            media_type::DOCKER_LAYER_GZIP => media_type::OCI_LAYER_GZIP,
            other => other,
        };
        let descriptor = BlobDescriptor { media_type: media_type.to_owned(), ..known.clone() };
        return Ok((descriptor, Content::File(store.blob_path(&known.digest), known.size)));
    }
    let file = DigestWriter::new(File::create(path).at("create", path)?);
    let (mut out, media_type) = match compression {
        Compression::Zstd => (Compressor::zstd(file).map_err(ExportError::Write)?, media_type::OCI_LAYER_ZSTD),
        _ => (Compressor::gzip(file).map_err(ExportError::Write)?, media_type::OCI_LAYER_GZIP),
    };
    if store.has_blob(&known.digest) {
        // The reader verifies the digest at the end.
        let mut blob = store.open_blob(&known.digest)?;
        copy(&mut blob, &mut out, &known.digest, cancel)?;
    } else {
        snapshots.write_tar(chain, &mut out, cancel)?;
    }
    let (_, digest, size) = out.finish().map_err(ExportError::Write)?.finish();
    let descriptor = BlobDescriptor { digest, size, media_type: media_type.to_owned() };
    Ok((descriptor, Content::File(path.to_owned(), size)))
}

fn copy(from: &mut dyn Read, to: &mut dyn Write, digest: &Digest, cancel: &CancelToken) -> Result<(), ExportError> {
    let mut buffer = vec![0; 256 * 1024];
    loop {
        cancel.check()?;
        let count = from.read(&mut buffer).map_err(|source| ExportError::Read { digest: *digest, source })?;
        if count == 0 {
            return Ok(());
        }
        to.write_all(&buffer[..count]).map_err(ExportError::Write)?;
    }
}
