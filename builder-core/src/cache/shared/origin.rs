//! Where a shared cache is: what its documents and its layers are read from.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use serde::Deserialize;

use super::Read;
use super::document::{CONFIG_TYPE, CacheDocument, INLINE_FIELD};
use crate::cancel::CancelToken;
use crate::digest::Digest;
use crate::fs::root::RootDir;
use crate::layer::ContentId;
use crate::oci::{BlobDescriptor, ImageConfig, MAX_MANIFEST_SIZE, media_type};
use crate::reference::Reference;
use crate::snapshot::{BlobProgress, LayerSource, LayerSourceError};
use crate::source::layout;
use crate::store::{LayerAddress, Store};

/// The largest document of a cache that is read, in bytes: a hundred thousand steps.
const MAX_DOCUMENT_SIZE: u64 = 32 << 20;
/// A document may take this many times as long as a manifest.
#[cfg(feature = "registry")]
const DOCUMENT_PATIENCE: u32 = 3;
/// The most images of an index that are looked into.
const MAX_IMAGES: usize = 32;

/// Where a cache is.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum CacheOrigin {
    /// In a registry: a cache of its own, or an image with one in it.
    Registry(Reference),
    /// In an OCI image layout.
    Local(LocalCache),
}

/// A cache in an OCI image layout.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LocalCache {
    /// The layout's directory.
    pub directory: PathBuf,
    /// The name that it has there, where it is not `latest`.
    pub tag: Option<String>,
    /// The digest of its manifest, where that is given.
    pub digest: Option<Digest>,
}

impl fmt::Display for CacheOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Registry(reference) => reference.fmt(f),
            Self::Local(local) => local.directory.display().fmt(f),
        }
    }
}

/// A cache that can be read.
pub(super) enum Opened {
    Local(LocalCache),
    #[cfg(feature = "registry")]
    Registry(Arc<crate::registry::Client>, std::time::Duration),
}

/// Opens a cache; nothing is asked yet.
pub(super) fn open(
    origin: &CacheOrigin,
    #[cfg(feature = "registry")] options: &crate::registry::RegistryOptions,
) -> Result<Opened, String> {
    match origin {
        CacheOrigin::Local(local) => Ok(Opened::Local(local.clone())),
        #[cfg(feature = "registry")]
        CacheOrigin::Registry(reference) => {
            let patience = options.lookup_timeout;
            let options = crate::registry::RegistryOptions {
                connect_timeout: options.connect_timeout.min(patience),
                silence_timeout: options.silence_timeout.min(patience),
                ..options.clone()
            };
            let client = crate::registry::Client::new(reference, &options).map_err(|error| message(&error))?;
            Ok(Opened::Registry(Arc::new(client), patience))
        }
        #[cfg(not(feature = "registry"))]
        CacheOrigin::Registry(_) => Err("this builder was made without registries".to_owned()),
    }
}

/// A manifest or an index, as far as a cache needs it. It may have more layers than an image.
#[derive(Deserialize)]
struct Manifest {
    #[serde(default)]
    manifests: Vec<RawDescriptor>,
    config: Option<RawDescriptor>,
    #[serde(default)]
    layers: Vec<RawDescriptor>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawDescriptor {
    media_type: String,
    digest: Digest,
    size: u64,
}

impl From<RawDescriptor> for BlobDescriptor {
    fn from(raw: RawDescriptor) -> Self {
        Self { digest: raw.digest, size: raw.size, media_type: raw.media_type }
    }
}

impl Opened {
    /// Reads every document of the cache: an index of images may have one each.
    pub(super) fn read(&self, cancel: &CancelToken) -> Result<Vec<Read>, String> {
        let top = parsed(&self.manifest(None, cancel)?)?;
        if top.manifests.is_empty() {
            return self.read_one(top, cancel).map(|read| vec![read]);
        }
        let mut found = Vec::new();
        let mut reason = "no image of the index has a cache in it".to_owned();
        for entry in top.manifests.into_iter().take(MAX_IMAGES) {
            let bytes = self.manifest(Some(&entry.into()), cancel)?;
            match self.read_one(parsed(&bytes)?, cancel) {
                Ok(read) => found.push(read),
                Err(why) => reason = why,
            }
        }
        if found.is_empty() { Err(reason) } else { Ok(found) }
    }

    fn read_one(&self, manifest: Manifest, cancel: &CancelToken) -> Result<Read, String> {
        let config: BlobDescriptor = manifest.config.ok_or("its manifest has no config")?.into();
        let bytes = self.small_blob(&config, cancel)?;
        let blobs: Vec<BlobDescriptor> = manifest.layers.into_iter().map(Into::into).collect();
        if let Some(odd) = blobs.iter().find(|blob| !is_layer(&blob.media_type)) {
            return Err(format!("a layer of it has the unknown media type `{}`", odd.media_type));
        }
        let digests: Vec<Digest> = blobs.iter().map(|blob| blob.digest).collect();
        if config.media_type == CONFIG_TYPE {
            let document = CacheDocument::parse(&bytes, &digests)?;
            return Ok(Read { document, blobs, is_image: false });
        }
        let config: ImageConfig =
            serde_json::from_slice(&bytes).map_err(|error| format!("its config is malformed: {error}"))?;
        let inline = config.other.get(INLINE_FIELD).ok_or("it is an image without a cache in it")?;
        let document = CacheDocument::parse(inline.to_string().as_bytes(), &digests)?;
        let fits = |index: usize, diff_id: &Digest| config.rootfs.diff_ids.get(index) == Some(diff_id);
        if !document.layers.iter().all(|layer| fits(layer.index, &layer.diff_id)) {
            return Err("it speaks of other layers than the image has".to_owned());
        }
        Ok(Read { document, blobs, is_image: true })
    }

    fn manifest(&self, blob: Option<&BlobDescriptor>, cancel: &CancelToken) -> Result<Vec<u8>, String> {
        match self {
            Self::Local(local) => {
                let directory = &local.directory;
                let digest = match blob {
                    Some(blob) => blob.digest,
                    None => entry(local)?,
                };
                let read = layout::read_verified(directory, directory, &digest, MAX_MANIFEST_SIZE);
                read.map_err(|error| message(&error))
            }
            #[cfg(feature = "registry")]
            Self::Registry(client, patience) => {
                within(*patience, cancel, |cancel| client.manifest(blob.map(|blob| &blob.digest), cancel))
            }
        }
        .inspect(|_| _ = cancel)
    }

    fn small_blob(&self, blob: &BlobDescriptor, cancel: &CancelToken) -> Result<Vec<u8>, String> {
        match self {
            Self::Local(local) => {
                let directory = &local.directory;
                let read = layout::read_verified(directory, directory, &blob.digest, MAX_DOCUMENT_SIZE);
                read.map_err(|error| message(&error))
            }
            #[cfg(feature = "registry")]
            Self::Registry(client, patience) => {
                let patience = *patience * DOCUMENT_PATIENCE;
                within(patience, cancel, |cancel| client.small_blob(blob, MAX_DOCUMENT_SIZE, cancel))
            }
        }
        .inspect(|_| _ = cancel)
    }

    /// Says where a layer of the cache is.
    pub(super) fn layer(&self, place: Place) -> Arc<dyn LayerSource> {
        match self {
            Self::Local(local) => Arc::new(LocalLayer { place, directory: local.directory.clone() }),
            #[cfg(feature = "registry")]
            Self::Registry(client, _) => Arc::new(RemoteLayer { place, client: Arc::clone(client) }),
        }
    }
}

/// Asks a registry for something that the build can do without, and does not wait for long.
#[cfg(feature = "registry")]
fn within<T>(
    patience: std::time::Duration,
    cancel: &CancelToken,
    ask: impl FnOnce(&CancelToken) -> Result<T, crate::registry::RegistryError>,
) -> Result<T, String> {
    let limited = cancel.child();
    let done = CancelToken::new();
    let outcome = std::thread::scope(|scope| {
        let watch = || {
            if !done.wait_timeout(patience) {
                limited.cancel();
            }
        };
        // Without another thread the client's own limits are those that there are.
        let _thread = std::thread::Builder::new().name("patience".to_owned()).spawn_scoped(scope, watch);
        let outcome = ask(&limited);
        done.cancel();
        outcome
    });
    outcome.map_err(|error| match error {
        crate::registry::RegistryError::Cancelled(_) if !cancel.is_cancelled() => {
            format!("it did not answer within {} s", patience.as_secs_f32())
        }
        error => message(&error),
    })
}

fn parsed(bytes: &[u8]) -> Result<Manifest, String> {
    serde_json::from_slice(bytes).map_err(|error| format!("its manifest is malformed: {error}"))
}

/// The manifest of a cache in a layout: by digest, by name, or the only one.
fn entry(local: &LocalCache) -> Result<Digest, String> {
    if let Some(digest) = local.digest {
        return Ok(digest);
    }
    let entries = layout::index_entries(&local.directory, &local.directory).map_err(|error| message(&error))?;
    let wanted = local.tag.as_deref().unwrap_or("latest");
    let named = entries.iter().find(|entry| layout::names(entry).any(|name| name == wanted));
    let only = if local.tag.is_none() && entries.len() == 1 { entries.first() } else { None };
    let found = named.or(only).map(|entry| entry.descriptor.digest);
    found.ok_or_else(|| format!("the layout has nothing that is called `{wanted}`"))
}

fn is_layer(media: &str) -> bool {
    matches!(
        media,
        media_type::OCI_LAYER
            | media_type::OCI_LAYER_GZIP
            | media_type::OCI_LAYER_ZSTD
            | media_type::DOCKER_LAYER
            | media_type::DOCKER_LAYER_GZIP
    )
}

/// An error and its causes in one line.
fn message(error: &dyn std::error::Error) -> String {
    let mut message = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let text = cause.to_string();
        if !message.ends_with(&text) {
            message = format!("{message}: {text}");
        }
        source = cause.source();
    }
    message
}

/// A layer, and the cache that it is in.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) blob: BlobDescriptor,
    pub(super) content: ContentId,
    /// The size of its tar, in bytes.
    pub(super) size: u64,
    pub(super) origin: String,
    pub(super) cache: usize,
    /// Whether who wrote the cache named the blob.
    pub(super) is_named: bool,
}

#[derive(Debug)]
struct LocalLayer {
    place: Place,
    directory: PathBuf,
}

impl LayerSource for LocalLayer {
    fn blob(&self) -> &BlobDescriptor {
        &self.place.blob
    }

    fn origin(&self) -> &str {
        &self.place.origin
    }

    fn content(&self) -> Option<ContentId> {
        Some(self.place.content)
    }

    fn size(&self) -> Option<u64> {
        Some(self.place.size)
    }

    fn cache(&self) -> Option<usize> {
        Some(self.place.cache)
    }

    fn is_named(&self) -> bool {
        self.place.is_named
    }

    fn address(&self) -> Option<LayerAddress> {
        // Whoever needs it may stand somewhere else.
        let directory = std::path::absolute(&self.directory).ok()?;
        Some(LayerAddress::Layout(directory.to_str()?.to_owned()))
    }

    fn open(&self) -> Option<Result<Box<dyn std::io::Read + Send>, LayerSourceError>> {
        let file = || Ok(RootDir::open(&self.directory)?.open_file(&layout::blob_name(&self.place.blob.digest))?);
        Some(file().map(|file: std::fs::File| Box::new(file) as _))
    }

    fn fetch(&self, store: &Store, progress: &BlobProgress<'_>, cancel: &CancelToken) -> Result<(), LayerSourceError> {
        let blob = &self.place.blob;
        let mut file = RootDir::open(&self.directory)?.open_file(&layout::blob_name(&blob.digest))?;
        store.ingest(&blob.digest, blob.size, &mut file, cancel)?;
        progress(&blob.digest, blob.size, blob.size);
        Ok(())
    }
}

#[cfg(feature = "registry")]
#[derive(Debug)]
struct RemoteLayer {
    place: Place,
    client: Arc<crate::registry::Client>,
}

#[cfg(feature = "registry")]
impl LayerSource for RemoteLayer {
    fn blob(&self) -> &BlobDescriptor {
        &self.place.blob
    }

    fn origin(&self) -> &str {
        &self.place.origin
    }

    fn content(&self) -> Option<ContentId> {
        Some(self.place.content)
    }

    fn size(&self) -> Option<u64> {
        Some(self.place.size)
    }

    fn cache(&self) -> Option<usize> {
        Some(self.place.cache)
    }

    fn is_named(&self) -> bool {
        self.place.is_named
    }

    fn address(&self) -> Option<LayerAddress> {
        Some(LayerAddress::Registry(self.client.reference().to_string()))
    }

    fn fetch(&self, store: &Store, progress: &BlobProgress<'_>, cancel: &CancelToken) -> Result<(), LayerSourceError> {
        Ok(self.client.blobs(std::slice::from_ref(&self.place.blob), store, progress, cancel)?)
    }
}
