//! OCI image layouts, as directories and archives; docker archives are such layouts with a `manifest.json`.
//!
//! The same image gives the same bytes: entries have an order, and their times are given.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::ExportError;
use super::entries::Entries;
use crate::cancel::CancelToken;
use crate::digest::Digest;
use crate::fs::PathContext;
use crate::image::{Content, Descriptor, Rendered, RenderedImage};
use crate::oci::media_type;
use crate::platform::Platform;
use crate::reference::Reference;
use crate::snapshot::Snapshots;
use crate::store::BlobReader;

/// What other tools an archive is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Format {
    /// An OCI image layout.
    Oci,
    /// The same with a `manifest.json`, for `docker load` and `podman load`.
    Docker,
}

/// An image and the names that it has in the export.
#[derive(Debug)]
pub struct ExportImage {
    /// The image, in the form of the export.
    pub image: Rendered,
    /// Its names.
    pub names: Vec<Reference>,
}

/// Everything that goes into an export, in its order: layers as the images have them, then the documents that are
/// blobs, sorted. A layer comes before all that can only be known once it is made, so that it can be made into its place.
pub(super) struct Layout<'i> {
    pub(super) blobs: Vec<(Digest, &'i Content)>,
    pub(super) documents: Vec<(&'static str, Vec<u8>)>,
}

/// Writes images as one archive. File times in it are `time`, seconds since 1970. `progress` is told a blob, its bytes
/// so far and in all.
///
/// # Errors
/// [`ExportError`].
pub fn write_archive(
    snapshots: &Snapshots,
    images: &[ExportImage],
    format: Format,
    time: i64,
    out: &mut (dyn Write + Send),
    progress: &(dyn Fn(&Digest, u64, u64) + Sync),
    cancel: &CancelToken,
) -> Result<(), ExportError> {
    let mut entries = Entries::begin(out, time)?;
    entries.rest(snapshots, &prepare(images, format)?, progress, cancel)?;
    entries.finish()
}

/// Writes images as an OCI image layout directory, over what is there.
///
/// # Errors
/// [`ExportError`].
pub fn write_layout(
    snapshots: &Snapshots,
    images: &[ExportImage],
    format: Format,
    directory: &Path,
    cancel: &CancelToken,
) -> Result<(), ExportError> {
    let layout = prepare(images, format)?;
    lay_out(snapshots, &layout, directory, cancel).map_err(ExportError::of_destination)
}

fn lay_out(
    snapshots: &Snapshots,
    layout: &Layout<'_>,
    directory: &Path,
    cancel: &CancelToken,
) -> Result<(), ExportError> {
    let blobs = directory.join("blobs/sha256");
    std::fs::create_dir_all(&blobs).at("create directory", &blobs)?;
    for (digest, content) in &layout.blobs {
        cancel.check()?;
        let path = blobs.join(digest.hex());
        match place(snapshots, digest, content, cancel)? {
            Place::Bytes(bytes) => std::fs::write(&path, bytes).at("write", &path)?,
            Place::File(from, _) => {
                std::fs::copy(from, &path).at("copy to", &path)?;
            }
            Place::Stored(mut blob, _) => {
                let mut file = File::create(&path).at("create", &path)?;
                std::io::copy(&mut blob, &mut file).at("copy to", &path)?;
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

/// Reads the blobs of the store that go into an export, so that a damaged one is found before anything is written.
///
/// # Errors
/// [`ExportError::Store`] where one is damaged; then it is gone.
pub fn verify_blobs(snapshots: &Snapshots, images: &[ExportImage], cancel: &CancelToken) -> Result<(), ExportError> {
    for (digest, content) in images.iter().flat_map(|export| &export.image.blobs) {
        if let Place::Stored(..) = place(snapshots, digest, content, cancel)? {
            snapshots.store().verify_blob(digest, cancel)?;
        }
    }
    Ok(())
}

pub(super) enum Place<'c> {
    Bytes(&'c [u8]),
    File(PathBuf, u64),
    /// In the store; reading it to its end says whether it is right.
    Stored(Box<BlobReader>, u64),
}

/// Where the bytes of a blob are; layers that are only there as files are written as blobs first.
pub(super) fn place<'c>(
    snapshots: &Snapshots,
    digest: &Digest,
    content: &'c Content,
    cancel: &CancelToken,
) -> Result<Place<'c>, ExportError> {
    Ok(match content {
        Content::Bytes(bytes) => Place::Bytes(bytes),
        Content::File(path, size) => Place::File(path.clone(), *size),
        Content::Stored { chain, size } => {
            let store = snapshots.store();
            if !store.has_whole_blob(digest, *size) && !chain.is_empty() {
                make(snapshots, digest, chain, cancel)?;
            }
            Place::Stored(Box::new(store.open_blob(digest)?), *size)
        }
    })
}

/// Makes a blob of the last layer of a chain, or fetches it where it is elsewhere in this form.
fn make(snapshots: &Snapshots, digest: &Digest, chain: &[Digest], cancel: &CancelToken) -> Result<(), ExportError> {
    match snapshots.elsewhere(chain)?.filter(|source| source.blob().digest == *digest) {
        Some(source) => snapshots.fetch_blob(&source, &|_, _, _| {}, cancel)?,
        None => _ = snapshots.ensure_blob(chain, cancel)?,
    }
    Ok(())
}

pub(super) fn prepare(images: &[ExportImage], format: Format) -> Result<Layout<'_>, ExportError> {
    let (mut entries, mut docker) = (Vec::new(), Vec::new());
    let (mut blobs, mut layers) = (BTreeMap::new(), Vec::new());
    for export in images {
        blobs.extend(export.image.blobs.iter().map(|(digest, content)| (*digest, content)));
        layers.extend(export.image.images.iter().flat_map(|image| &image.layers));
        entries.extend(index_entries(&export.image.descriptor, &export.names));
        docker.extend(docker_entry(export));
    }
    let index = json!({ "schemaVersion": 2, "mediaType": media_type::OCI_INDEX, "manifests": entries });
    let mut documents = vec![("index.json", serde_json::to_vec(&index)?)];
    if format == Format::Docker {
        documents.push(("manifest.json", serde_json::to_vec(&docker)?));
    }
    documents.push(("oci-layout", br#"{"imageLayoutVersion":"1.0.0"}"#.to_vec()));
    let mut in_order: Vec<_> = layers.into_iter().filter_map(|layer| blobs.remove_entry(layer)).collect();
    in_order.extend(blobs);
    Ok(Layout { blobs: in_order, documents })
}

/// What docker's own list says of an image. It knows no platforms: of several images it is this machine's.
fn docker_entry(export: &ExportImage) -> Option<Value> {
    let host = Platform::host();
    let best = |image: &&RenderedImage| host.rank(&image.platform);
    let image = export.image.images.iter().rev().max_by_key(best)?;
    let path = |digest: &Digest| format!("blobs/sha256/{}", digest.hex());
    let tags: Vec<String> = export.names.iter().map(Reference::familiar).collect();
    let layers: Vec<String> = image.layers.iter().map(path).collect();
    Some(json!({ "Config": path(&image.config), "RepoTags": tags, "Layers": layers }))
}

/// One descriptor a name; without names, one by digest alone (dockerfile-semantics 13.3).
fn index_entries(descriptor: &Descriptor, names: &[Reference]) -> Vec<Descriptor> {
    if names.is_empty() {
        return vec![descriptor.clone()];
    }
    let under = |name: &Reference| {
        let mut descriptor = descriptor.clone();
        let tag = name.tag().unwrap_or(crate::reference::DEFAULT_TAG).to_owned();
        descriptor.annotations.insert("io.containerd.image.name".to_owned(), name.to_string());
        descriptor.annotations.insert("org.opencontainers.image.ref.name".to_owned(), tag);
        descriptor
    };
    names.iter().map(under).collect()
}
