//! Makes the blob of a layer in a compression.

use std::io::{self, Write};

use super::ImageError;
use crate::cancel::CancelToken;
use crate::digest::Digest;
use crate::layer::compression::{Compressor, Format, decompress};
use crate::layer::{Codec, CompressError, compress_stream, copy_ahead, stream};
use crate::oci::BlobDescriptor;
use crate::snapshot::Snapshots;

/// What to make.
pub(super) struct LayerToMake<'l> {
    /// One form of it.
    pub(super) known: &'l BlobDescriptor,
    /// The layers up to it, bottom first.
    pub(super) chain: &'l [Digest],
    pub(super) format: Format,
    pub(super) level: Option<i32>,
}

/// Writes the blob and returns its digest and its size in bytes.
pub(super) fn make(
    snapshots: &Snapshots,
    layer: &LayerToMake<'_>,
    out: &mut (dyn Write + Send),
    cancel: &CancelToken,
) -> Result<(Digest, u64), ImageError> {
    let known = layer.known;
    let failed = |source: io::Error| ImageError::Layer { digest: known.digest, source };
    let codec = match layer.format {
        Format::Zstd => Some(Codec::zstd(layer.level)),
        Format::Gzip => Some(Codec::gzip(layer.level)),
        _ => None,
    };
    if !snapshots.store().has_whole_blob(&known.digest, known.size) {
        snapshots.provide(layer.chain, cancel)?;
        let written = stream(out, ImageError::Write, |out| {
            let mut out = Compressor::new(out, codec).map_err(failed)?;
            snapshots.write_tar(layer.chain, &mut out, cancel)?;
            out.finish().map(drop).map_err(failed)
        });
        return written.map(|((), digest, size)| (digest, size));
    }
    // The reader verifies the digest at the end.
    let mut blob = decompress(snapshots.store().open_blob(&known.digest)?).map_err(failed)?;
    let Some(codec) = codec else {
        let written = stream(out, ImageError::Write, |out| {
            copy_ahead(&mut blob, failed, |piece| {
                cancel.check()?;
                out.write_all(piece).map_err(ImageError::Write)
            })
        });
        return written.map(|((), digest, size)| (digest, size));
    };
    compress_stream(&mut blob, codec, out, cancel).map_err(|error| match error {
        CompressError::Read(error) => failed(error),
        CompressError::Write(error) => ImageError::Write(error),
        CompressError::Cancelled(cancelled) => cancelled.into(),
    })
}
