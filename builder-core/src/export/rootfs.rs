//! A root filesystem without its image: as a tar, or as a directory.

use std::fs;
use std::io::Write;
use std::path::Path;

use super::ExportError;
use crate::cancel::CancelToken;
use crate::digest::Digest;
use crate::fs::PathContext;
use crate::fs::extract::{ExtractLimits, ExtractOptions, extract};
use crate::fs::root::RootDir;
use crate::layer;
use crate::snapshot::Snapshots;

/// Writes the root filesystem of a chain as a tar: no whiteouts, owners as numbers, times clamped to
/// `source_date_epoch` where one is given.
///
/// # Errors
/// [`ExportError`].
pub fn write_tar(
    snapshots: &Snapshots,
    diff_ids: &[Digest],
    source_date_epoch: Option<i64>,
    out: &mut dyn Write,
    cancel: &CancelToken,
) -> Result<(), ExportError> {
    let view = snapshots.view(diff_ids)?;
    layer::write_tree(&view, source_date_epoch, out, cancel)?;
    Ok(())
}

/// Writes the root filesystem of a chain into a directory, over what is there; what the filesystem does not have
/// stays. Everything gets `owner`, else keeps its own.
///
/// The directory is somebody's, not a layer: a name that begins with `.wh.` is a file's name like any other.
///
/// Spec: dockerfile-semantics 13.4.
///
/// # Errors
/// [`ExportError`].
pub fn write_directory(
    snapshots: &Snapshots,
    diff_ids: &[Digest],
    source_date_epoch: Option<i64>,
    owner: Option<(u32, u32)>,
    destination: &Path,
    cancel: &CancelToken,
) -> Result<(), ExportError> {
    fs::create_dir_all(destination).at("create directory", destination)?;
    let root = RootDir::open(destination)?;
    let (reader, mut writer) = std::io::pipe().map_err(ExportError::Write)?;
    std::thread::scope(|scope| {
        let written = scope.spawn(move || write_tar(snapshots, diff_ids, source_date_epoch, &mut writer, cancel));
        let mut reader = reader;
        let options = ExtractOptions {
            directory: Path::new(""),
            owner,
            created_mtime: None,
            // The tar is our own; what it holds is in the store already.
            limits: ExtractLimits { entries: u64::MAX, bytes: u64::MAX },
        };
        let unpacked = extract(&root, &mut reader, &options, cancel);
        drop(reader);
        let written = written.join().unwrap_or(Ok(()));
        // Where unpacking failed, the writer's broken pipe says nothing.
        unpacked?;
        written
    })
}
