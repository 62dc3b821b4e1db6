//! An image, or images for several platforms, in the form that an output asks for: documents and blobs.

use std::collections::BTreeMap;

use super::ImageError;
use super::annotations::{self, Annotation, AnnotationLevel};
use super::attestations::attestation_manifest;
use super::compressed::CompressedLayers;
use super::documents::{Descriptor, IndexDocument, ManifestDocument, PlatformDocument};
use super::exact::{layer_contents, stays, stored_documents};
use super::layers::{Content, ImageForm, LayerBlobs, MediaTypes, WrittenLayers};
use super::view::ImageParts;
use crate::cancel::CancelToken;
use crate::digest::Digest;
use crate::platform::Platform;
use crate::snapshot::Snapshots;
use crate::store::WorkDir;

/// `BuildKit`'s annotation of layers whose times were set to those of an epoch.
const REWRITTEN_TIMESTAMP: &str = "buildkit/rewritten-timestamp";

/// What to render.
#[derive(Clone, Copy, Debug)]
pub struct ImageSet<'i> {
    /// The images, in the order of the index.
    pub images: &'i [ImageParts],
    /// Whether there is an index, even for one image.
    pub index: bool,
    /// The annotations of the index itself, where it has some already.
    pub index_annotations: &'i BTreeMap<String, String>,
    /// Annotations to add.
    pub annotations: &'i [Annotation],
    /// The time to which layers of this build were set, seconds since 1970, where their descriptors are to say so.
    pub rewritten_to: Option<i64>,
    /// The names of the image: what attestations speak of.
    pub names: &'i [String],
}

/// One image, rendered.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RenderedImage {
    /// Its platform.
    pub platform: Platform,
    /// The digest of its manifest.
    pub manifest: Digest,
    /// The digest of its config.
    pub config: Digest,
    /// The blobs of its layers, bottom first.
    pub layers: Vec<Digest>,
}

/// Documents and blobs of an image, complete.
#[derive(Debug)]
pub struct Rendered {
    /// The manifest or index.
    pub descriptor: Descriptor,
    /// What has to be there for it, itself included.
    pub blobs: BTreeMap<Digest, Content>,
    /// The images.
    pub images: Vec<RenderedImage>,
    /// Whether the descriptor is an index's.
    pub is_index: bool,
    /// When the newest was made, RFC 3339; empty where unknown.
    pub created: String,
    /// Holds the compressed layers until they are written.
    _work: Option<WorkDir>,
}

impl Rendered {
    /// Returns what the image is called where it has no name: the digest of its config, or of the index.
    pub fn id(&self) -> Digest {
        match (self.is_index, self.images.first()) {
            (false, Some(image)) => image.config,
            _ => self.descriptor.digest,
        }
    }
}

/// Renders images.
///
/// # Errors
/// [`ImageError::AnnotationPlatform`] and [`ImageError::IndexAnnotation`] for annotations that have no place, and
/// what can go wrong with layers.
pub fn render(
    snapshots: &Snapshots,
    set: &ImageSet<'_>,
    form: ImageForm,
    cancel: &CancelToken,
) -> Result<Rendered, ImageError> {
    render_with(snapshots, set, form, &CompressedLayers::default(), cancel)
}

/// Renders images, and takes layers that were compressed before as they are.
///
/// # Errors
/// As with [`render`].
pub fn render_with(
    snapshots: &Snapshots,
    set: &ImageSet<'_>,
    form: ImageForm,
    compressed: &CompressedLayers,
    cancel: &CancelToken,
) -> Result<Rendered, ImageError> {
    rendered(set, form, cancel, |form| LayerBlobs::new(snapshots, form).with_compressed(compressed))
}

/// Does the same for an image whose layers are where it goes already, but for those that needed not be made: only the
/// documents are wanted.
///
/// # Errors
/// As with [`render`].
pub fn render_written(
    snapshots: &Snapshots,
    set: &ImageSet<'_>,
    form: ImageForm,
    (compressed, written): (&CompressedLayers, &WrittenLayers),
    cancel: &CancelToken,
) -> Result<Rendered, ImageError> {
    let layers = |form| LayerBlobs::new(snapshots, form).with_compressed(compressed).with_written(written);
    rendered(set, form, cancel, layers)
}

/// Does the same, and makes nothing of which it is known what it would be: [`LayerBlobs::by_name`].
///
/// # Errors
/// As with [`render`].
#[cfg(feature = "registry")]
pub(crate) fn render_by_name(
    snapshots: &Snapshots,
    set: &ImageSet<'_>,
    form: ImageForm,
    compressed: &CompressedLayers,
    cancel: &CancelToken,
) -> Result<Rendered, ImageError> {
    rendered(set, form, cancel, |form| LayerBlobs::new(snapshots, form).with_compressed(compressed).by_name())
}

/// Refuses what cannot be rendered, before any layer is made.
///
/// # Errors
/// [`ImageError::AnnotationPlatform`], [`ImageError::IndexAnnotation`].
pub fn check(set: &ImageSet<'_>) -> Result<(), ImageError> {
    let platforms: Vec<Platform> = set.images.iter().map(|image| image.platform.clone()).collect();
    annotations::check(set.annotations, &platforms, has_index(set))
}

fn has_index(set: &ImageSet<'_>) -> bool {
    set.index || set.images.len() != 1 || set.images.iter().any(|image| !image.attestations.is_empty())
}

fn rendered<'r>(
    set: &'r ImageSet<'_>,
    form: ImageForm,
    cancel: &'r CancelToken,
    layers: impl FnOnce(ImageForm) -> LayerBlobs<'r>,
) -> Result<Rendered, ImageError> {
    let index = has_index(set);
    check(set)?;
    let beyond_manifests = set.annotations.iter().any(|annotation| annotation.level != AnnotationLevel::Manifest);
    let attested = set.images.iter().any(|image| !image.attestations.is_empty());
    let form = form.with_possible_types(beyond_manifests || attested);
    let layers = layers(form);
    let mut renderer = Renderer { set, form, cancel, layers, blobs: BTreeMap::new() };
    let (mut manifests, mut attestations, mut images) = (Vec::new(), Vec::new(), Vec::new());
    for image in set.images {
        let (descriptor, result) = renderer.image(image)?;
        if let Some(attestation) = attestation_manifest(image, &descriptor, set.names, &mut renderer.blobs)? {
            attestations.push(attestation);
        }
        manifests.push(descriptor);
        images.push(result);
    }
    manifests.append(&mut attestations);
    let descriptor = match (index, manifests.pop()) {
        (false, Some(only)) => only,
        (_, last) => {
            manifests.extend(last);
            renderer.index(manifests)?
        }
    };
    let created = set.images.iter().map(|image| image.created.clone()).max().unwrap_or_default();
    let Renderer { blobs, layers, .. } = renderer;
    Ok(Rendered { descriptor, blobs, images, is_index: index, created, _work: layers.into_work() })
}

impl Rendered {
    /// An image that is in the store as a whole.
    pub(super) fn of_store(
        descriptor: Descriptor,
        blobs: BTreeMap<Digest, Content>,
        images: Vec<RenderedImage>,
        is_index: bool,
        created: String,
    ) -> Self {
        Self { descriptor, blobs, images, is_index, created, _work: None }
    }
}

struct Renderer<'r> {
    set: &'r ImageSet<'r>,
    form: ImageForm,
    cancel: &'r CancelToken,
    layers: LayerBlobs<'r>,
    blobs: BTreeMap<Digest, Content>,
}

impl Renderer<'_> {
    /// An image whose manifest stays as it is.
    fn kept(&mut self, image: &ImageParts) -> Result<Option<(Descriptor, RenderedImage)>, ImageError> {
        let snapshots = self.layers.snapshots();
        let Some(manifest) = image.manifest.as_ref().filter(|_| self.form.keep_manifests) else { return Ok(None) };
        let annotated = self.set.annotations.iter().any(|annotation| annotation.level == AnnotationLevel::Manifest);
        if annotated || !stays(snapshots.store(), image)? {
            return Ok(None);
        }
        let mut descriptor = Descriptor::foreign(&manifest.media_type, manifest.digest, manifest.size);
        descriptor.platform = Some(PlatformDocument::new(&image.platform, &image.os_features));
        descriptor.annotations.clone_from(&image.descriptor_annotations);
        let platform = Some(&image.platform);
        descriptor.annotations.extend(annotations::of(
            self.set.annotations,
            AnnotationLevel::ManifestDescriptor,
            platform,
        ));
        let (bytes, rendered) = stored_documents(snapshots.store(), image, manifest)?;
        self.blobs.extend(layer_contents(image));
        self.blobs.insert(rendered.config, Content::Bytes(image.config_bytes.clone()));
        self.blobs.insert(manifest.digest, Content::Bytes(bytes));
        Ok(Some((descriptor, rendered)))
    }

    fn image(&mut self, image: &ImageParts) -> Result<(Descriptor, RenderedImage), ImageError> {
        if let Some(kept) = self.kept(image)? {
            return Ok(kept);
        }
        let mut layers = Vec::new();
        for (index, known) in image.layers.iter().enumerate() {
            let chain = image.diff_ids.get(..=index).unwrap_or_default();
            let (mut descriptor, content) = self.layers.get(known, chain, self.cancel)?;
            // Layers have no annotations in Docker's manifests.
            if let (Some(own), MediaTypes::Oci) = (image.layer_annotations.get(index), self.form.media_types) {
                let same = descriptor.digest == known.digest;
                let own = own.iter().filter(|(key, _)| same || !speaks_of_bytes(key));
                descriptor.annotations.extend(own.map(|(key, value)| (key.clone(), value.clone())));
            }
            if let (Some(epoch), true, MediaTypes::Oci) =
                (self.set.rewritten_to, index >= image.base_layers, self.form.media_types)
            {
                descriptor.annotations.insert(REWRITTEN_TIMESTAMP.to_owned(), epoch.to_string());
            }
            self.blobs.insert(descriptor.digest, content);
            layers.push(descriptor);
        }
        let platform = Some(&image.platform);
        let of_level = |level| annotations::of(self.set.annotations, level, platform);
        let mut own = image.annotations.clone();
        own.extend(of_level(AnnotationLevel::Manifest));
        let rendered_layers = layers.iter().map(|layer| layer.digest).collect();
        let config = Descriptor::of(self.form.config_type(), &image.config_bytes);
        let document = ManifestDocument {
            schema_version: 2,
            media_type: self.form.manifest_type(),
            config: config.clone(),
            layers,
            annotations: own,
        };
        let bytes = serde_json::to_vec(&document)?;
        let mut descriptor = Descriptor::of(self.form.manifest_type(), &bytes);
        descriptor.platform = Some(PlatformDocument::new(&image.platform, &image.os_features));
        descriptor.annotations.clone_from(&image.descriptor_annotations);
        descriptor.annotations.extend(of_level(AnnotationLevel::ManifestDescriptor));
        self.blobs.insert(config.digest, Content::Bytes(image.config_bytes.clone()));
        self.blobs.insert(descriptor.digest, Content::Bytes(bytes));
        let rendered = RenderedImage {
            platform: image.platform.clone(),
            manifest: descriptor.digest,
            config: config.digest,
            layers: rendered_layers,
        };
        Ok((descriptor, rendered))
    }

    fn index(&mut self, manifests: Vec<Descriptor>) -> Result<Descriptor, ImageError> {
        let mut own = self.set.index_annotations.clone();
        own.extend(annotations::of(self.set.annotations, AnnotationLevel::Index, None));
        let document =
            IndexDocument { schema_version: 2, media_type: self.form.index_type(), manifests, annotations: own };
        let bytes = serde_json::to_vec(&document)?;
        let mut descriptor = Descriptor::of(self.form.index_type(), &bytes);
        descriptor.annotations = annotations::of(self.set.annotations, AnnotationLevel::IndexDescriptor, None);
        self.blobs.insert(descriptor.digest, Content::Bytes(bytes));
        Ok(descriptor)
    }
}

/// Tells whether an annotation of a layer is about the blob rather than about the files in it: about the table in the
/// blob by which a part of it is read. It is not true of the layer in another compression.
fn speaks_of_bytes(key: &str) -> bool {
    key.starts_with("containerd.io/snapshot/") || key.starts_with("io.github.containers.zstd-chunked.")
}
