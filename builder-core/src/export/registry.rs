//! Images into registries: blobs that are not there yet, then documents, what is named before what names it.

mod list;

use std::sync::Arc;

pub use list::PushList;

use super::ExportError;
use crate::cancel::CancelToken;
use crate::digest::Digest;
use crate::image::{CompressedLayer, CompressedLayers, Content, ImageForm, ImageSet, LayerBlobs, Rendered};
use crate::oci::{BlobDescriptor, MAX_MANIFEST_SIZE, WholeDocument, closure, media_type};
use crate::platform::Platform;
use crate::reference::Reference;
use crate::registry::{Client, ManifestName, Pushed, RegistryError, RegistryOptions, Upload, UploadContent};
use crate::snapshot::{LayerSource, Snapshots};
use crate::store::{ImageRecord, Store};

/// The repositories that a registry is asked to take a blob from, at most.
const MAX_SOURCES: u32 = 2;

/// An image that is complete: its documents, each after those that it names, and its blobs.
#[derive(Debug)]
pub struct PushImage {
    documents: Vec<WholeDocument>,
    blobs: Vec<(Digest, u64, UploadContent)>,
    /// Layers that are not here: they are only fetched where the registry does not have them.
    elsewhere: Vec<LayerElsewhere>,
    /// Layers of which it is known what they are compressed: they are only made where the registry does not have them.
    known: Vec<KnownLayer>,
    compressed: CompressedLayers,
    /// The platform, where it is one image of an index whose other images are not all there.
    pub only: Option<Platform>,
}

/// A layer, and where it is.
type LayerElsewhere = (Digest, Arc<dyn LayerSource>);

/// A layer that was compressed before.
#[derive(Debug)]
struct KnownLayer {
    digest: Digest,
    /// The layers up to it, bottom first.
    chain: Vec<Digest>,
    form: ImageForm,
}

/// What a push did.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PushSummary {
    /// The digest of the manifest or index.
    pub digest: Digest,
    /// Its size, in bytes.
    pub size: u64,
    /// The blobs, and how each got there.
    pub blobs: Vec<(Digest, Pushed)>,
}

/// How an image is pushed.
#[derive(Clone, Copy, Debug)]
pub struct PushRequest<'r> {
    /// The repository, and the tag where there is one.
    pub target: &'r Reference,
    /// Whether it gets no tag.
    pub by_digest: bool,
    /// How the registry is reached.
    pub options: &'r RegistryOptions,
}

impl PushImage {
    /// Takes an image that was rendered in a form; layers that are there as files only are written as blobs, and those
    /// of which only the name is known are made where somebody wants them.
    ///
    /// # Errors
    /// [`ExportError::Snapshot`], [`ExportError::Store`].
    pub fn rendered(
        snapshots: &Snapshots,
        image: &Rendered,
        form: ImageForm,
        cancel: &CancelToken,
    ) -> Result<Self, ExportError> {
        let read = |digest: &Digest| -> Result<Vec<u8>, ExportError> {
            match image.blobs.get(digest) {
                Some(Content::Bytes(bytes)) => Ok(bytes.clone()),
                _ => Ok(snapshots.store().read_blob(digest, MAX_MANIFEST_SIZE)?),
            }
        };
        let (documents, named) = closure(&image.descriptor.digest, &image.descriptor.media_type, &read)?;
        let (mut blobs, mut elsewhere, mut known) = (Vec::new(), Vec::new(), Vec::new());
        for blob in named {
            if let Some(Content::Stored { chain, .. }) = image.blobs.get(&blob.digest)
                && !snapshots.store().has_blob(&blob.digest)
                && let Some(found) = is_elsewhere(snapshots, chain, &blob.digest)?
            {
                elsewhere.push(found);
                continue;
            }
            let content = match image.blobs.get(&blob.digest) {
                Some(Content::Bytes(bytes)) => UploadContent::Bytes(bytes.clone()),
                Some(Content::File(path, _)) => UploadContent::File(path.clone()),
                Some(Content::Stored { chain, size })
                    if form.compression.is_some()
                        && chain.last() != Some(&blob.digest)
                        && !snapshots.store().has_whole_blob(&blob.digest, *size) =>
                {
                    known.push(KnownLayer { digest: blob.digest, chain: chain.clone(), form });
                    continue;
                }
                Some(Content::Stored { chain, size }) if !snapshots.store().has_whole_blob(&blob.digest, *size) => {
                    snapshots.ensure_blob(chain, cancel)?;
                    UploadContent::File(snapshots.store().blob_path(&blob.digest))
                }
                Some(Content::Stored { .. }) | None => stored(snapshots.store(), &blob)?,
            };
            blobs.push((blob.digest, blob.size, content));
        }
        Ok(Self { documents, blobs, elsewhere, known, compressed: CompressedLayers::default(), only: None })
    }

    /// Makes, or fetches, what of it is not here in the form that it has.
    fn make_all(
        &mut self,
        snapshots: &Snapshots,
        progress: &(dyn Fn(&Digest, u64, u64) + Sync),
        cancel: &CancelToken,
    ) -> Result<(), ExportError> {
        for layer in std::mem::take(&mut self.known) {
            let (size, content) = made_again(snapshots, self, &layer, cancel)?;
            self.blobs.push((layer.digest, size, content));
        }
        for layer in std::mem::take(&mut self.elsewhere) {
            let content = fetched(snapshots, &layer, progress, cancel)?;
            let blob = layer.1.blob();
            self.blobs.push((blob.digest, blob.size, content));
        }
        Ok(())
    }

    /// Whether some of its layers are not here.
    pub fn is_elsewhere(&self) -> bool {
        !self.elsewhere.is_empty()
    }

    /// Takes an image of the store, byte for byte.
    fn exact(store: &Store, manifest: &Digest, media_type: &str) -> Result<Self, ExportError> {
        let read = |digest: &Digest| store.read_blob(digest, MAX_MANIFEST_SIZE);
        let (documents, named) = closure(manifest, media_type, &read)?;
        let mut blobs = Vec::new();
        for blob in named {
            blobs.push((blob.digest, blob.size, stored(store, &blob)?));
        }
        let (elsewhere, known, compressed) = (Vec::new(), Vec::new(), CompressedLayers::default());
        Ok(Self { documents, blobs, elsewhere, known, compressed, only: None })
    }
}

/// The last layer of a chain, where it is elsewhere and its blob there is this one.
fn is_elsewhere(snapshots: &Snapshots, chain: &[Digest], blob: &Digest) -> Result<Option<LayerElsewhere>, ExportError> {
    let source = snapshots.elsewhere(chain)?.filter(|source| source.blob().digest == *blob);
    Ok(chain.last().copied().zip(source))
}

fn stored(store: &Store, blob: &BlobDescriptor) -> Result<UploadContent, ExportError> {
    // Opened later; it must be there now.
    if !store.has_whole_blob(&blob.digest, blob.size) {
        return Err(crate::store::StoreError::MissingBlob(blob.digest).into());
    }
    Ok(UploadContent::File(store.blob_path(&blob.digest)))
}

/// What an image has for a registry: as it came, where it came from one; else with its layers compressed. `work`
/// keeps compressed layers until they are sent.
///
/// # Errors
/// [`ExportError`] where something of it is not in the store.
pub fn for_registry(
    snapshots: &Snapshots,
    record: &ImageRecord,
    form: ImageForm,
    cancel: &CancelToken,
) -> Result<(PushImage, Option<Rendered>), ExportError> {
    let store = snapshots.store();
    let asked = form.force || form.compression.is_some() && form != ImageForm::archive();
    if !asked && (store.is_of_registry(&record.manifest)? || !has_plain_layers(store, record)?) {
        return Ok((stored_as_is(store, record)?, None));
    }
    let image = crate::image::read_all(store, record)?;
    let set = ImageSet {
        images: &image.images,
        index: image.index,
        index_annotations: &image.index_annotations,
        annotations: &[],
        rewritten_to: None,
        names: &[],
    };
    let rendered = crate::image::render_by_name(snapshots, &set, form, &CompressedLayers::default(), cancel)?;
    Ok((PushImage::rendered(snapshots, &rendered, form, cancel)?, Some(rendered)))
}

/// The image as it is; where an index is there in part only, one of its images.
fn stored_as_is(store: &Store, record: &ImageRecord) -> Result<PushImage, ExportError> {
    let whole = PushImage::exact(store, &record.manifest, &record.media_type);
    let Err(ExportError::Store(crate::store::StoreError::MissingBlob(_))) = &whole else { return whole };
    let host = Platform::host();
    let view = crate::image::read(store, record, &host)?;
    let mut image = PushImage::exact(store, &view.digest, &view.manifest.media_type)?;
    image.only = Some(view.config.platform());
    Ok(image)
}

fn has_plain_layers(store: &Store, record: &ImageRecord) -> Result<bool, ExportError> {
    Ok(crate::image::read_all(store, record)?
        .images
        .iter()
        .any(|image| image.layers.iter().any(BlobDescriptor::is_plain)))
}

/// Fetches the blob of a layer that is elsewhere.
fn fetched(
    snapshots: &Snapshots,
    (diff_id, layer): &LayerElsewhere,
    progress: &(dyn Fn(&Digest, u64, u64) + Sync),
    cancel: &CancelToken,
) -> Result<UploadContent, ExportError> {
    let elsewhere = |source| ExportError::Elsewhere { origin: layer.origin().to_owned(), cache: layer.cache(), source };
    layer.fetch(snapshots.store(), progress, cancel).map_err(elsewhere)?;
    snapshots.verify(diff_id, layer, cancel)?;
    Ok(UploadContent::File(snapshots.store().blob_path(&layer.blob().digest)))
}

/// Compresses a layer once more.
fn made_again(
    snapshots: &Snapshots,
    image: &PushImage,
    layer: &KnownLayer,
    cancel: &CancelToken,
) -> Result<(u64, UploadContent), ExportError> {
    let diff_id = layer.chain.last().copied().unwrap_or(layer.digest);
    let size = snapshots.store().blob_size(&diff_id).unwrap_or_default();
    let plain = BlobDescriptor { media_type: media_type::OCI_LAYER.to_owned(), digest: diff_id, size };
    let mut blobs = LayerBlobs::new(snapshots, layer.form).with_compressed(&image.compressed);
    let (descriptor, content) = blobs.get(&plain, &layer.chain, cancel)?;
    let (Content::File(path, size), true) = (content, descriptor.digest == layer.digest) else {
        let (expected, found) = (layer.digest, descriptor.digest);
        return Err(RegistryError::Mismatch { expected, found }.into());
    };
    let made = CompressedLayer { digest: layer.digest, size, path: Some(path.clone()) };
    image.compressed.note(diff_id, &blobs.form_name(), made);
    image.compressed.keep(blobs.into_work());
    Ok((size, UploadContent::File(path)))
}

/// Pushes an image. `progress` is told a blob, its bytes so far and in all.
///
/// # Errors
/// [`ExportError::Registry`]; blobs that are complete stay, and no tag changes.
pub fn push(
    image: &PushImage,
    request: &PushRequest<'_>,
    snapshots: &Snapshots,
    progress: &(dyn Fn(&Digest, u64, u64) + Sync),
    cancel: &CancelToken,
) -> Result<PushSummary, ExportError> {
    let store = snapshots.store();
    let (domain, repository) = (request.target.domain(), request.target.path());
    let client = Client::to_push(request.target, request.options)?;
    let mut uploads = Vec::new();
    for (digest, size, content) in &image.blobs {
        let mut sources = store.repositories_with(digest, domain, MAX_SOURCES)?;
        sources.retain(|source| source != repository);
        uploads.push(Upload { digest: *digest, size: *size, content: content.clone(), sources });
    }
    let of_elsewhere = image.elsewhere.iter().map(|layer| layer.1.blob().digest);
    let perhaps: Vec<Digest> = of_elsewhere.chain(image.known.iter().map(|layer| layer.digest)).collect();
    let has = client.has_blobs(&perhaps, cancel)?;
    for layer in &image.elsewhere {
        let blob = layer.1.blob();
        if has.contains(&blob.digest) {
            continue;
        }
        let content = fetched(snapshots, layer, progress, cancel)?;
        let sources = store.repositories_with(&blob.digest, domain, MAX_SOURCES)?;
        uploads.push(Upload { digest: blob.digest, size: blob.size, content, sources });
    }
    let mut there = Vec::new();
    for layer in &image.known {
        if has.contains(&layer.digest) {
            there.push((layer.digest, Pushed::Existed));
            continue;
        }
        let (size, content) = made_again(snapshots, image, layer, cancel)?;
        let sources = store.repositories_with(&layer.digest, domain, MAX_SOURCES)?;
        uploads.push(Upload { digest: layer.digest, size, content, sources });
    }
    // The largest first: the others are done beside it.
    uploads.sort_by_key(|upload| std::cmp::Reverse(upload.size));
    let outcomes = client.push_blobs(&uploads, progress, cancel).map_err(|error| {
        // The registry says that the bytes are wrong, or does not; where they are, the blob has to go.
        let stored = uploads.iter().filter(|upload| store.has_blob(&upload.digest));
        let found: Vec<_> = stored.filter_map(|upload| store.verify_blob(&upload.digest, cancel).err()).collect();
        found.into_iter().next().map_or_else(|| ExportError::from(error), ExportError::from)
    })?;
    let mut pushed = None;
    for (index, document) in image.documents.iter().enumerate() {
        let is_top = index + 1 == image.documents.len();
        let name = match request.target.tag() {
            Some(tag) if is_top && !request.by_digest => ManifestName::Tag(tag),
            _ => ManifestName::Digest(&document.digest),
        };
        client.push_manifest(name, &document.media_type, &document.bytes, cancel)?;
        pushed = Some((document.digest, document.bytes.len() as u64));
    }
    let digests: Vec<Digest> = image.documents.iter().map(|document| document.digest).collect();
    let sent = uploads.iter().map(|upload| upload.digest).zip(outcomes);
    let blobs: Vec<(Digest, Pushed)> = sent.chain(there).collect();
    let all: Vec<Digest> = digests.into_iter().chain(blobs.iter().map(|(digest, _)| *digest)).collect();
    store.note_whereabouts(domain, repository, &all)?;
    let (digest, size) = pushed.ok_or(ExportError::Nothing)?;
    Ok(PushSummary { digest, size, blobs })
}
