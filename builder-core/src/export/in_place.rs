//! Archives whose layers are compressed straight into them.
//!
//! The header of an entry says digest and size, which are known once the layer is compressed: its place is left free
//! until then. The bytes are those of an archive that is written from front to back.

use std::io::Write;

use super::ExportError;
use super::archive::{ExportImage, Format, prepare};
use super::entries::{Entries, RECORD_BYTES, blob_name};
use super::file::InPlaceFile;
use crate::cancel::CancelToken;
use crate::digest::Digest;
use crate::image::{ImageError, ImageParts, Layer, LayerBlobs, WrittenLayers};
use crate::snapshot::Snapshots;

/// Writes an archive into an empty file. `render` gives the image, once its layers are written. File times in the archive
/// are `time`, seconds since 1970.
///
/// # Errors
/// [`ExportError`], and what `render` returns; then what is in the file is of no use.
pub fn write_in_place<E: From<ExportError>>(
    (snapshots, file): (&Snapshots, InPlaceFile<'_>),
    parts: &[ImageParts],
    blobs: &LayerBlobs<'_>,
    (format, time): (Format, i64),
    render: impl FnOnce(&WrittenLayers) -> Result<ExportImage, E>,
    cancel: &CancelToken,
) -> Result<(), E> {
    let mut out = file;
    let mut archive =
        InPlace { snapshots, file, entries: Entries::begin(&mut out, time)?, written: WrittenLayers::new() };
    for image in parts {
        archive.layers(image, blobs, cancel)?;
    }
    let image = [render(&archive.written)?];
    let InPlace { mut entries, .. } = archive;
    entries.rest(snapshots, &prepare(&image, format)?, &|_, _, _| {}, cancel)?;
    Ok(entries.finish()?)
}

struct InPlace<'a> {
    snapshots: &'a Snapshots,
    file: InPlaceFile<'a>,
    entries: Entries<'a>,
    written: WrittenLayers,
}

impl InPlace<'_> {
    fn layers(&mut self, image: &ImageParts, blobs: &LayerBlobs<'_>, cancel: &CancelToken) -> Result<(), ExportError> {
        for (index, known) in image.layers.iter().enumerate() {
            cancel.check()?;
            let chain = image.diff_ids.get(..=index).unwrap_or_default();
            if self.written.contains_key(&known.digest) {
                continue;
            }
            match blobs.look_up(known, chain)? {
                Layer::There(digest, content) => {
                    self.entries.blob(self.snapshots, (&digest, &content), &|_, _, _| {}, cancel)?;
                }
                Layer::ToMake(format) => {
                    let made = self.entry(|out| blobs.make(known, chain, format, out, cancel))?;
                    self.written.insert(known.digest, made);
                }
            }
        }
        Ok(())
    }

    /// Writes an entry with what `make` writes.
    fn entry(
        &mut self,
        make: impl FnOnce(&mut (dyn Write + Send)) -> Result<(Digest, u64), ImageError>,
    ) -> Result<(Digest, u64), ExportError> {
        let start = self.file.position().map_err(ExportError::Write)?;
        self.entries.write(&[0; RECORD_BYTES])?;
        let (digest, size) = make(self.entries.out()).map_err(|error| match error {
            ImageError::Write(error) => ExportError::Write(error),
            error => error.into(),
        })?;
        if self.entries.note(&digest) {
            self.entries.pad(size)?;
            let header = self.entries.header(&blob_name(&digest), size)?;
            self.file.replace(start, header.as_bytes()).map_err(ExportError::Write)?;
        } else {
            // Another layer became the same: this one goes.
            self.file.cut(start).map_err(ExportError::Write)?;
        }
        Ok((digest, size))
    }
}
