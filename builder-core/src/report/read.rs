//! From the layers of an image in the store to their entries.

use std::io::{self, BufWriter, Read, Write};

use tar::EntryType;

use super::ReportError;
use super::analysis::{Analysis, Entry, EntryKind};
use super::paths::path_buf;
use crate::cancel::CancelToken;
use crate::digest::Digest;
use crate::fs::tar_stream::{TarEntry, TarStream};
use crate::image::ImageView;
use crate::layer::LayerError;
use crate::layer::compression::decompress;
use crate::oci::BlobDescriptor;
use crate::snapshot::{SnapshotError, Snapshots};

/// The most bytes of one layer's tar: 1 TiB bounds a stream that never ends.
const MAX_BYTES: u64 = 1 << 40;
/// Bytes moved at once.
const BUFFER: usize = 256 * 1024;

/// Reads all layers of an image and lays them on each other.
///
/// # Errors
/// [`ReportError`] where a layer is not there, is not what its digest says, or is no layer.
pub fn analyse(snapshots: &Snapshots, image: &ImageView, cancel: &CancelToken) -> Result<Analysis, ReportError> {
    let mut analysis = Analysis::new();
    for index in 0..image.manifest.layers.len() {
        layer(snapshots, image, index, &mut analysis, cancel)?;
    }
    Ok(analysis)
}

fn layer(
    snapshots: &Snapshots,
    image: &ImageView,
    index: usize,
    analysis: &mut Analysis,
    cancel: &CancelToken,
) -> Result<(), ReportError> {
    let blob = &image.manifest.layers[index];
    analysis.begin_layer().map_err(|source| ReportError::Layer { digest: blob.digest, source })?;
    let chain = image.config.rootfs.diff_ids.get(..=index).unwrap_or_default();
    each_entry(snapshots, blob, chain, &mut |entry, size| lay_on(analysis, entry, size), cancel)
}

/// Takes an entry and the size of its content, in bytes.
type Visit<'v> = dyn FnMut(&TarEntry, u64) -> Result<(), LayerError> + 'v;

/// Reads the entries of a layer: `chain` is the layers up to it, bottom first.
///
/// # Errors
/// [`ReportError`] where it is not there, is not what its digest says, or is no layer.
pub(crate) fn each_entry(
    snapshots: &Snapshots,
    blob: &BlobDescriptor,
    chain: &[Digest],
    visit: &mut Visit<'_>,
    cancel: &CancelToken,
) -> Result<(), ReportError> {
    let failed = |source| match source {
        LayerError::Cancelled(cancelled) => ReportError::Cancelled(cancelled),
        source => ReportError::Layer { digest: blob.digest, source },
    };
    if snapshots.store().has_whole_blob(&blob.digest, blob.size) {
        // The reader verifies the digest at the end.
        let mut tar =
            decompress(snapshots.store().open_blob(&blob.digest)?).map_err(LayerError::Read).map_err(failed)?;
        return entries(&mut tar, visit, cancel).map_err(failed);
    }
    // Layers of a build that nobody has given a name are there as files only.
    if chain.last() != Some(&blob.digest) || !snapshots.has_tar(chain)? {
        return Err(ReportError::Missing { digest: blob.digest });
    }
    from_files(snapshots, chain, visit, cancel)?.map_err(failed)
}

/// Reads the tar of a chain's last layer while it is written anew from its files.
fn from_files(
    snapshots: &Snapshots,
    chain: &[Digest],
    visit: &mut Visit<'_>,
    cancel: &CancelToken,
) -> Result<Result<(), LayerError>, ReportError> {
    let setup = |error: io::Error| ReportError::Snapshot(SnapshotError::Layer(LayerError::Write(error)));
    let (mut reader, writer) = io::pipe().map_err(setup)?;
    std::thread::scope(|scope| {
        let write = move || {
            let mut out = BufWriter::with_capacity(BUFFER, writer);
            snapshots.write_tar(chain, &mut out, cancel)?;
            out.flush().map_err(|error| SnapshotError::Layer(LayerError::Write(error)))
        };
        let thread = std::thread::Builder::new().name("layer".to_owned());
        let writing = thread.spawn_scoped(scope, write).map_err(setup)?;
        let read = entries(&mut reader, visit, cancel);
        // A writer that nobody reads from any more ends.
        drop(reader);
        let written = writing.join();
        match (read, written) {
            (Ok(()), Ok(written)) => Ok(Ok(written?)),
            // What was cut short is explained by who wrote it.
            (Err(LayerError::Read(_)), Ok(Err(error))) => Err(error.into()),
            (read, Ok(_)) => Ok(read),
            (_, Err(panic)) => std::panic::resume_unwind(panic),
        }
    })
}

/// A stream that ends where it is cancelled or does not end by itself.
struct Bounded<'r> {
    inner: &'r mut dyn Read,
    left: u64,
    cancel: &'r CancelToken,
}

impl Read for Bounded<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.cancel.check().map_err(io::Error::other)?;
        let count = self.inner.read(buffer)?;
        self.left = self
            .left
            .checked_sub(count as u64)
            .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "the layer is larger than 1 TiB"))?;
        Ok(count)
    }
}

/// Reads the entries of a plain tar.
pub(super) fn entries(reader: &mut dyn Read, visit: &mut Visit<'_>, cancel: &CancelToken) -> Result<(), LayerError> {
    let mut stream = Bounded { inner: reader, left: MAX_BYTES, cancel };
    let outcome = read_all(&mut stream, visit);
    // A read that was cancelled is no broken archive.
    cancel.check()?;
    outcome
}

fn read_all(stream: &mut Bounded<'_>, visit: &mut Visit<'_>) -> Result<(), LayerError> {
    {
        let mut archive = TarStream::new(stream);
        while let Some(entry) = archive.next().map_err(LayerError::Read)? {
            let size = archive.size();
            visit(&entry, size)?;
        }
    }
    // What follows the end of the archive is verified as well.
    io::copy(stream, &mut io::sink()).map_err(LayerError::Read)?;
    Ok(())
}

/// Lays an entry on what is there.
pub(super) fn lay_on(analysis: &mut Analysis, entry: &TarEntry, size: u64) -> Result<(), LayerError> {
    let kind = match entry.kind {
        EntryType::Regular | EntryType::Continuous | EntryType::GNUSparse => EntryKind::File,
        EntryType::Directory => EntryKind::Directory,
        EntryType::Symlink => EntryKind::Symlink,
        EntryType::Link => EntryKind::HardLink,
        EntryType::Fifo | EntryType::Char | EntryType::Block => EntryKind::Other,
        other => {
            let kind = char::from(other.as_byte());
            return Err(LayerError::UnsupportedType { path: path_buf(&entry.path), kind });
        }
    };
    analysis.entry(&Entry { kind, path: &entry.path, link: &entry.link, size })
}
