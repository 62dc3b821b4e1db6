//! The blobs of layers in the form that an output asks for.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write;
use std::path::PathBuf;

use super::ImageError;
use super::compressed::{CompressedLayer, CompressedLayers};
use super::documents::Descriptor;
use super::make_layer::{LayerToMake, make};
use crate::cancel::CancelToken;
use crate::digest::Digest;
use crate::fs::PathContext;
use crate::layer::compression::{Compression, Format};
use crate::oci::{BlobDescriptor, media_type};
use crate::snapshot::Snapshots;
use crate::store::WorkDir;

/// Another number where the same layer is compressed to other bytes than before.
const COMPRESSION_VERSION: u32 = 3;

/// Whose media types a document has.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum MediaTypes {
    /// Those of OCI.
    #[default]
    Oci,
    /// Docker's (`oci-mediatypes=false`).
    Docker,
}

/// The form that an image is written in. By default it is that of the store: layers as they are, those of a build
/// not compressed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct ImageForm {
    /// Whose media types.
    pub media_types: MediaTypes,
    /// How layers that came uncompressed are compressed; as they are where there is nothing.
    pub compression: Option<Compression>,
    /// The level, in the compression's own figures; its usual one where there is nothing.
    pub level: Option<i32>,
    /// Whether layers that came in another compression get this one too.
    pub force: bool,
    /// Whether the manifest of an image of the store stays as it is, every byte, where its layers do.
    pub keep_manifests: bool,
}

impl ImageForm {
    /// Makes the form of archives: OCI's media types, layers in gzip unless they came compressed.
    pub fn archive() -> Self {
        Self { compression: Some(Compression::Gzip), ..Self::default() }
    }

    /// Returns the form that can be had: zstd, annotations of an index and attestations have no media types of
    /// Docker's, as with BuildKit.
    #[must_use]
    pub fn with_possible_types(mut self, needs_oci: bool) -> Self {
        if needs_oci || self.compression == Some(Compression::Zstd) {
            self.media_types = MediaTypes::Oci;
        }
        self
    }

    pub(super) fn manifest_type(self) -> &'static str {
        match self.media_types {
            MediaTypes::Oci => media_type::OCI_MANIFEST,
            MediaTypes::Docker => media_type::DOCKER_MANIFEST,
        }
    }

    pub(super) fn index_type(self) -> &'static str {
        match self.media_types {
            MediaTypes::Oci => media_type::OCI_INDEX,
            MediaTypes::Docker => media_type::DOCKER_MANIFEST_LIST,
        }
    }

    pub(super) fn config_type(self) -> &'static str {
        match self.media_types {
            MediaTypes::Oci => media_type::OCI_CONFIG,
            MediaTypes::Docker => media_type::DOCKER_CONFIG,
        }
    }

    fn layer_type(self, format: Format) -> &'static str {
        match (self.media_types, format) {
            (MediaTypes::Oci, Format::Gzip) => media_type::OCI_LAYER_GZIP,
            (MediaTypes::Docker, Format::Gzip) => media_type::DOCKER_LAYER_GZIP,
            (_, Format::Zstd) => media_type::OCI_LAYER_ZSTD,
            (MediaTypes::Docker, _) => media_type::DOCKER_LAYER,
            (MediaTypes::Oci, _) => media_type::OCI_LAYER,
        }
    }
}

/// Where the bytes of a blob are.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Content {
    /// Here.
    Bytes(Vec<u8>),
    /// In a temporary file of this size.
    File(PathBuf, u64),
    /// In the store, or there once it is made from the last layer of this chain.
    Stored {
        /// The layers up to it, bottom first.
        chain: Vec<Digest>,
        /// Its size, in bytes.
        size: u64,
    },
}

/// What is known of a layer in the form that is asked for.
enum Known {
    /// Its blob is there, or can be had.
    There(Descriptor, Content),
    /// It is to be made, in this compression.
    ToMake(Format),
}

/// Finds the blob of a layer. `made` gives one that was compressed before.
fn find(
    snapshots: &Snapshots,
    known: &BlobDescriptor,
    chain: &[Digest],
    form: ImageForm,
    made: impl FnOnce() -> Result<Option<CompressedLayer>, ImageError>,
) -> Result<Known, ImageError> {
    let format = format_of(known);
    let wanted = match form.compression {
        Some(compression) if form.force || format == Format::Plain => format_for(compression),
        _ => format,
    };
    let again = form.force && form.level.is_some() && wanted != Format::Plain;
    if wanted == format && !again {
        let descriptor = Descriptor::new(form.layer_type(format), known.digest, known.size);
        return Ok(Known::There(descriptor, Content::Stored { chain: chain.to_vec(), size: known.size }));
    }
    // What a shared cache has, and nobody needed here, is named as it is there.
    if let Some(source) = snapshots.elsewhere(chain)?
        && format_of(source.blob()) == wanted
        && !again
    {
        let blob = source.blob();
        let descriptor = Descriptor::new(form.layer_type(wanted), blob.digest, blob.size);
        return Ok(Known::There(descriptor, Content::Stored { chain: chain.to_vec(), size: blob.size }));
    }
    if format == Format::Plain
        && let Some(CompressedLayer { digest, size, path }) = made()?
    {
        let there = || Content::Stored { chain: chain.to_vec(), size };
        let content = path.map_or_else(there, |path| Content::File(path, size));
        return Ok(Known::There(Descriptor::new(form.layer_type(wanted), digest, size), content));
    }
    Ok(Known::ToMake(wanted))
}

/// Blobs of layers outside of an image; those made anew are temporary files for as long as this lives.
#[derive(Debug)]
pub struct LayerBlobs<'s> {
    snapshots: &'s Snapshots,
    form: ImageForm,
    before: Option<&'s CompressedLayers>,
    /// Whether the name of a layer will do where it was made before.
    names_will_do: bool,
    /// What was made by this, by the digest of what it was made of.
    made: BTreeMap<Digest, (Descriptor, Content)>,
    written: Option<&'s WrittenLayers>,
    work: Option<WorkDir>,
}

/// Layers that were made and are where the image goes already: by the digest of what each was made of, its digest and its
/// size in bytes.
pub type WrittenLayers = BTreeMap<Digest, (Digest, u64)>;

/// A layer on its way into an image.
pub(crate) enum Layer {
    /// It is there, or can be had.
    There(Digest, Content),
    /// It is to be made: [`LayerBlobs::make`] does.
    ToMake(Format),
}

impl<'s> LayerBlobs<'s> {
    pub(super) fn snapshots(&self) -> &'s Snapshots {
        self.snapshots
    }

    /// Makes blobs of one form.
    pub fn new(snapshots: &'s Snapshots, form: ImageForm) -> Self {
        Self { snapshots, form, before: None, names_will_do: false, made: BTreeMap::new(), written: None, work: None }
    }

    /// Takes what was compressed before instead of compressing it again.
    #[must_use]
    pub fn with_compressed(self, before: &'s CompressedLayers) -> Self {
        Self { before: Some(before), ..self }
    }

    /// Makes nothing of which it is known what it would be: such a layer has the content [`Content::Stored`], and is not
    /// there.
    #[must_use]
    pub fn by_name(self) -> Self {
        Self { names_will_do: true, ..self }
    }

    /// Names what is where the image goes, and makes none of it.
    #[must_use]
    pub(super) fn with_written(self, written: &'s WrittenLayers) -> Self {
        Self { written: Some(written), ..self }
    }

    fn find(&self, known: &BlobDescriptor, chain: &[Digest]) -> Result<Known, ImageError> {
        let form_name = self.form_name();
        let before = || -> Result<Option<CompressedLayer>, ImageError> {
            let Some(diff_id) = chain.last() else { return Ok(None) };
            if let Some(here) = self.before.and_then(|layers| layers.find(diff_id, &form_name)) {
                return Ok(Some(here));
            }
            let store = self.snapshots.store();
            // What an image of the store came to be called: mostly its blob is still there.
            let name = store.layer_form(diff_id, &form_name)?;
            let name = name.filter(|(digest, size)| self.names_will_do || store.has_whole_blob(digest, *size));
            Ok(name.map(|(digest, size)| CompressedLayer { digest, size, path: None }))
        };
        find(self.snapshots, known, chain, self.form, before)
    }

    /// Finds the blob of a chain's last layer, of which `known` is one form, or says what is to be made.
    pub(crate) fn look_up(&self, known: &BlobDescriptor, chain: &[Digest]) -> Result<Layer, ImageError> {
        Ok(match self.find(known, chain)? {
            Known::There(descriptor, content) => Layer::There(descriptor.digest, content),
            Known::ToMake(format) => Layer::ToMake(format),
        })
    }

    /// Makes the blob of a chain's last layer, of which `known` is one form, and returns its digest and its size in bytes.
    pub(crate) fn make(
        &self,
        known: &BlobDescriptor,
        chain: &[Digest],
        format: Format,
        out: &mut (dyn Write + Send),
        cancel: &CancelToken,
    ) -> Result<(Digest, u64), ImageError> {
        let layer = LayerToMake { known, chain, format, level: self.form.level };
        let (digest, size) = make(self.snapshots, &layer, out, cancel)?;
        // What was made of another compression would be other bytes than what is made of the files.
        if let Some(diff_id) = chain.last().filter(|_| format_of(known) == Format::Plain) {
            self.snapshots.store().note_layer_form(diff_id, &self.form_name(), &digest, size)?;
        }
        Ok((digest, size))
    }

    /// Finds or makes the blob of a chain's last layer, of which `known` is one form.
    ///
    /// # Errors
    /// [`ImageError`].
    pub fn get(
        &mut self,
        known: &BlobDescriptor,
        chain: &[Digest],
        cancel: &CancelToken,
    ) -> Result<(Descriptor, Content), ImageError> {
        let format = match self.find(known, chain)? {
            Known::There(descriptor, content) => return Ok((descriptor, content)),
            Known::ToMake(format) => format,
        };
        if let Some((digest, size)) = self.written.and_then(|written| written.get(&known.digest)) {
            let content = Content::Stored { chain: chain.to_vec(), size: *size };
            return Ok((Descriptor::new(self.form.layer_type(format), *digest, *size), content));
        }
        // The same layer may be in an image twice.
        if let Some(made) = self.made.get(&known.digest) {
            return Ok(made.clone());
        }
        let directory = match &mut self.work {
            Some(directory) => directory,
            none => none.insert(self.snapshots.store().work_dir()?),
        };
        let path = directory.path().join((self.made.len() + 1).to_string());
        let mut file = File::create(&path).at("create", &path)?;
        let (digest, size) = self.make(known, chain, format, &mut file, cancel)?;
        let made = (Descriptor::new(self.form.layer_type(format), digest, size), Content::File(path, size));
        self.made.insert(known.digest, made.clone());
        Ok(made)
    }

    /// Returns the form that a layer gets, as it is noted in the store: the compression, its level and its maker.
    pub fn form_name(&self) -> String {
        let compression = match self.form.compression {
            Some(Compression::Gzip) => "gzip",
            Some(Compression::Zstd) => "zstd",
            Some(Compression::Uncompressed) | None => "plain",
        };
        let level = self.form.level.map_or_else(String::new, |level| level.to_string());
        format!("{compression}:{level}:{COMPRESSION_VERSION}")
    }

    /// Returns the descriptor of a layer that is known to have these bytes in this form.
    pub fn descriptor(&self, digest: Digest, size: u64) -> Descriptor {
        let format = self.form.compression.map_or(Format::Plain, format_for);
        Descriptor::new(self.form.layer_type(format), digest, size)
    }

    /// Returns the directory of the blobs that were made anew.
    pub(crate) fn into_work(self) -> Option<WorkDir> {
        self.work
    }
}

fn format_of(layer: &BlobDescriptor) -> Format {
    match layer.media_type.as_str() {
        media_type::OCI_LAYER | media_type::DOCKER_LAYER => Format::Plain,
        text if text.ends_with("zstd") => Format::Zstd,
        _ => Format::Gzip,
    }
}

fn format_for(compression: Compression) -> Format {
    match compression {
        Compression::Uncompressed => Format::Plain,
        Compression::Gzip => Format::Gzip,
        Compression::Zstd => Format::Zstd,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layer::OverlayFlavor;
    use crate::layer::compression::Compressor;
    use crate::store::{Owner, Store, StoreOptions};

    #[test]
    fn what_the_store_has_compressed_is_not_compressed_again() {
        let scratch = tempfile::tempdir().unwrap();
        let options = StoreOptions { root: scratch.path().join("store"), owner: Owner::Root };
        let store = Store::open(&options).unwrap();
        let snapshots = Snapshots::new(store.clone(), OverlayFlavor::Trusted);
        let plain = store.write_blob(&[0; 1024]).unwrap();
        let known = BlobDescriptor { media_type: media_type::OCI_LAYER.to_owned(), digest: plain, size: 1024 };
        let get = |by_name: bool| {
            let blobs = LayerBlobs::new(&snapshots, ImageForm::archive());
            let mut blobs = if by_name { blobs.by_name() } else { blobs };
            blobs.get(&known, &[plain], &CancelToken::new()).unwrap()
        };
        let (made, content) = get(false);
        assert!(matches!(content, Content::File(..)));
        // It is known by its name now, and not there.
        let named = Content::Stored { chain: vec![plain], size: made.size };
        assert_eq!(get(true).1, named);
        assert!(matches!(get(false).1, Content::File(..)));
        // The same layer twice in an image is made once.
        let mut blobs = LayerBlobs::new(&snapshots, ImageForm::archive());
        let twice = [(); 2].map(|()| blobs.get(&known, &[plain], &CancelToken::new()).unwrap());
        assert!(twice[0] == twice[1] && matches!(twice[0].1, Content::File(..)));
        // Now it is.
        let mut compressed = Vec::new();
        let Content::File(path, _) = content else { panic!("a file") };
        drop(path);
        let mut out = Compressor::new(&mut compressed, Some(crate::layer::Codec::gzip(None))).unwrap();
        out.write_all(&[0; 1024]).unwrap();
        out.finish().unwrap();
        assert_eq!(store.write_blob(&compressed).unwrap(), made.digest);
        let (again, content) = get(false);
        assert_eq!((again.digest, content), (made.digest, named));
    }
}
