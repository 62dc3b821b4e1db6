//! Indexes that were put together by hand into registries: their images may be of other repositories and need not be
//! in the store, then their blobs are mounted, or fetched from there and sent on.

use std::collections::{BTreeMap, BTreeSet};

use super::{MAX_SOURCES, PushRequest, PushSummary, for_registry, has_plain_layers};
use crate::cancel::CancelToken;
use crate::digest::Digest;
use crate::export::ExportError;
use crate::image::{CompressedLayers, Descriptor, ImageForm, ImageList, Rendered};
use crate::oci::{BlobDescriptor, MAX_MANIFEST_SIZE, WholeDocument, closure};
use crate::reference::Reference;
use crate::registry::{Client, ManifestName, Pushed, RegistryOptions, Upload, UploadContent};
use crate::snapshot::Snapshots;
use crate::store::{ImageRecord, Store};

/// An index with what it needs of its images.
#[derive(Debug)]
pub struct PushList {
    /// The documents of the images, what is named first, and the index last.
    documents: Vec<WholeDocument>,
    blobs: BTreeMap<Digest, Blob>,
    /// Layers that were compressed for this push: temporary files, for as long as this lives.
    compressed: Vec<Rendered>,
    /// Those that were compressed once more.
    again: Vec<CompressedLayers>,
}

#[derive(Debug)]
struct Blob {
    descriptor: BlobDescriptor,
    content: Option<UploadContent>,
    /// Where it can be had; nothing for what is only here.
    origin: Option<Reference>,
}

impl PushList {
    /// Puts together what is pushed. Layers that were made here are compressed, so that the digests of their images
    /// become others; `origins` says where the blobs of images are that are not here.
    ///
    /// # Errors
    /// [`ExportError`] where a document of the images is not in the store.
    pub fn new(
        snapshots: &Snapshots,
        mut list: ImageList,
        origins: &BTreeMap<Digest, Reference>,
        form: ImageForm,
        cancel: &CancelToken,
    ) -> Result<Self, ExportError> {
        let store = snapshots.store();
        let mut push =
            Self { documents: Vec::new(), blobs: BTreeMap::new(), compressed: Vec::new(), again: Vec::new() };
        let mut seen = BTreeSet::new();
        for (digest, media_type) in list.members() {
            let record = ImageRecord {
                name: String::new(),
                manifest: digest,
                manifest_size: store.blob_size(&digest).unwrap_or_default(),
                media_type: media_type.clone(),
                config: digest,
                created: String::new(),
            };
            // Statements about an image are no image and have no layers of that kind.
            let plain = !store.is_of_registry(&digest)? && has_plain_layers(store, &record).unwrap_or(false);
            let (documents, blobs) = if plain {
                let (mut image, rendered) = for_registry(snapshots, &record, form, cancel)?;
                image.make_all(snapshots, &|_, _, _| {}, cancel)?;
                if let Some(top) = image.documents.last() {
                    let descriptor = Descriptor::foreign(&top.media_type, top.digest, top.bytes.len() as u64);
                    list.replace(&digest, &descriptor);
                }
                push.compressed.extend(rendered);
                push.again.push(image.compressed);
                let blob = |(digest, size, content): (Digest, u64, UploadContent)| Blob {
                    descriptor: BlobDescriptor { digest, size, media_type: String::new() },
                    content: Some(content),
                    origin: None,
                };
                (image.documents, image.blobs.into_iter().map(blob).collect::<Vec<_>>())
            } else {
                let read = |digest: &Digest| store.read_blob(digest, MAX_MANIFEST_SIZE);
                let (documents, named) = closure(&digest, &media_type, &read)?;
                let blob = |descriptor: BlobDescriptor| Blob {
                    content: store
                        .has_whole_blob(&descriptor.digest, descriptor.size)
                        .then(|| UploadContent::File(store.blob_path(&descriptor.digest))),
                    origin: origins.get(&digest).cloned(),
                    descriptor,
                };
                (documents, named.into_iter().map(blob).collect())
            };
            push.documents.extend(documents.into_iter().filter(|document| seen.insert(document.digest)));
            for blob in blobs {
                push.blobs.entry(blob.descriptor.digest).or_insert(blob);
            }
        }
        let bytes = list.bytes()?;
        let (digest, media_type) = (Digest::of(&bytes), list.media_type().to_owned());
        push.documents.push(WholeDocument { digest, media_type, bytes });
        Ok(push)
    }

    /// Pushes the images' blobs and documents, and then the index.
    ///
    /// # Errors
    /// [`ExportError::Registry`]; blobs that are complete stay, and no tag changes.
    pub fn push(
        mut self,
        request: &PushRequest<'_>,
        store: &Store,
        progress: &(dyn Fn(&Digest, u64, u64) + Sync),
        cancel: &CancelToken,
    ) -> Result<PushSummary, ExportError> {
        let (domain, repository) = (request.target.domain(), request.target.path());
        let client = Client::to_push(request.target, request.options)?;
        let mut done = Vec::new();
        let absent: Vec<Digest> =
            self.blobs.values().filter(|blob| blob.content.is_none()).map(|blob| blob.descriptor.digest).collect();
        let has = client.has_blobs(&absent, cancel)?;
        let mut wanted: BTreeMap<Reference, Vec<BlobDescriptor>> = BTreeMap::new();
        for digest in absent {
            if has.contains(&digest) {
                done.push((digest, Pushed::Existed));
            } else if mounted(&client, &digest, store, request.target, cancel)? {
                done.push((digest, Pushed::Mounted));
            } else if let Some(blob) = self.blobs.get(&digest) {
                let missing = crate::store::StoreError::MissingBlob(digest);
                let origin = blob.origin.clone().ok_or(missing)?;
                wanted.entry(origin).or_default().push(blob.descriptor.clone());
                continue;
            }
            self.blobs.remove(&digest);
        }
        for (origin, blobs) in wanted {
            fetch(&origin, &blobs, store, request.options, progress, cancel)?;
        }
        let mut uploads = Vec::new();
        for blob in self.blobs.into_values() {
            let BlobDescriptor { digest, size, .. } = blob.descriptor;
            let content = blob.content.unwrap_or_else(|| UploadContent::File(store.blob_path(&digest)));
            let sources = sources(store, &digest, request.target)?;
            uploads.push(Upload { digest, size, content, sources });
        }
        // The largest first: the others are done beside it.
        uploads.sort_by_key(|upload| std::cmp::Reverse(upload.size));
        let outcomes = client.push_blobs(&uploads, progress, cancel)?;
        done.extend(uploads.iter().map(|upload| upload.digest).zip(outcomes));
        let Some((top, images)) = self.documents.split_last() else { return Err(ExportError::Nothing) };
        for document in images {
            let name = ManifestName::Digest(&document.digest);
            client.push_manifest(name, &document.media_type, &document.bytes, cancel)?;
        }
        let name = request.target.tag().map_or(ManifestName::Digest(&top.digest), ManifestName::Tag);
        client.push_manifest(name, &top.media_type, &top.bytes, cancel)?;
        let documents = self.documents.iter().map(|document| document.digest);
        let all: Vec<Digest> = documents.chain(done.iter().map(|(digest, _)| *digest)).collect();
        store.note_whereabouts(domain, repository, &all)?;
        drop(self.compressed);
        Ok(PushSummary { digest: top.digest, size: top.bytes.len() as u64, blobs: done })
    }
}

/// Other repositories of the registry that have a blob.
fn sources(store: &Store, digest: &Digest, target: &Reference) -> Result<Vec<String>, ExportError> {
    let mut sources = store.repositories_with(digest, target.domain(), MAX_SOURCES)?;
    sources.retain(|source| source != target.path());
    Ok(sources)
}

fn mounted(
    client: &Client,
    digest: &Digest,
    store: &Store,
    target: &Reference,
    cancel: &CancelToken,
) -> Result<bool, ExportError> {
    for source in sources(store, digest, target)? {
        if client.mount_blob(digest, &source, cancel)? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn fetch(
    origin: &Reference,
    blobs: &[BlobDescriptor],
    store: &Store,
    options: &RegistryOptions,
    progress: &(dyn Fn(&Digest, u64, u64) + Sync),
    cancel: &CancelToken,
) -> Result<(), ExportError> {
    Ok(Client::new(origin, options)?.blobs(blobs, store, progress, cancel)?)
}
