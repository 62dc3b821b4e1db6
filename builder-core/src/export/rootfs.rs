//! Root filesystems without their images: as a tar, or as a directory.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use super::ExportError;
use super::left_out::left_out;
use crate::cancel::CancelToken;
use crate::digest::Digest;
use crate::fs::extract::{ExtractError, ExtractLimits, ExtractOptions, extract};
use crate::fs::root::RootDir;
use crate::fs::tar_stream::TarStream;
use crate::fs::{PathContext, PathError};
use crate::layer::{self, Tree};
use crate::oci::BlobDescriptor;
use crate::snapshot::Snapshots;

/// Bytes read at once.
const BUFFER_BYTES: usize = 256 * 1024;

/// A root filesystem and its place in the result.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RootFilesystem<'f> {
    /// The directory of the result that it is in; empty for the top.
    pub directory: String,
    /// What it is called in messages: its platform.
    pub shown: String,
    /// Its layers, bottom first.
    pub diff_ids: &'f [Digest],
    /// The same as blobs.
    pub layers: &'f [BlobDescriptor],
    /// Files besides it: name and content.
    pub files: Vec<(String, Vec<u8>)>,
}

/// What a path of a root filesystem is: equal where the files are.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ListedFile {
    /// The type byte of tar.
    pub kind: u8,
    /// The permission bits.
    pub mode: u32,
    /// User and group.
    pub owner: (u64, u64),
    /// The target of a link.
    pub link: Vec<u8>,
    /// The digest of its bytes.
    pub digest: Digest,
}

/// Writes root filesystems as a tar: no whiteouts, owners as numbers, times clamped to `source_date_epoch` where one
/// is given.
///
/// # Errors
/// [`ExportError`].
pub fn write_tar(
    snapshots: &Snapshots,
    filesystems: &[RootFilesystem<'_>],
    source_date_epoch: Option<i64>,
    out: &mut (dyn Write + Send),
    cancel: &CancelToken,
) -> Result<(), ExportError> {
    let mut trees = Vec::new();
    for filesystem in filesystems {
        let root = snapshots.view(filesystem.diff_ids)?;
        let left_out = left_out(snapshots, filesystem, &root, cancel)?;
        trees.push(Tree { directory: &filesystem.directory, root, files: &filesystem.files, left_out });
    }
    layer::write_trees(&trees, source_date_epoch, out, cancel)?;
    Ok(())
}

/// Writes root filesystems into a directory, over what is there. Everything gets `owner`, else keeps its own. With
/// `mirror`, what they do not have goes, else it stays.
///
/// The directory is somebody's, not a layer: a name that begins with `.wh.` is a file's name like any other.
///
/// Spec: dockerfile-semantics 13.4.
///
/// # Errors
/// [`ExportError`].
pub fn write_directory(
    snapshots: &Snapshots,
    filesystems: &[RootFilesystem<'_>],
    source_date_epoch: Option<i64>,
    owner: Option<(u32, u32)>,
    mirror: bool,
    destination: &Path,
    cancel: &CancelToken,
) -> Result<(), ExportError> {
    let failed = |error: PathError| ExportError::from(error).of_destination();
    fs::create_dir_all(destination).at("create directory", destination).map_err(failed)?;
    let root = RootDir::open(destination)?;
    let options = ExtractOptions {
        directory: Path::new(""),
        owner,
        created_mtime: None,
        // The tar is our own; what it holds is in the store already.
        limits: ExtractLimits { entries: u64::MAX, bytes: u64::MAX },
    };
    through_a_pipe(snapshots, filesystems, source_date_epoch, cancel, |reader| {
        extract(&root, reader, &options, cancel).map_err(|error| match error {
            // Below the destination.
            ExtractError::Path(error) => failed(PathError { path: destination.join(&error.path), ..error }),
            error => error.into(),
        })?;
        Ok(())
    })?;
    if mirror {
        let kept = list(snapshots, filesystems, cancel)?;
        remove_others(destination, Path::new(""), &kept, cancel)?;
    }
    Ok(())
}

/// Lists the paths of root filesystems, without the top itself.
///
/// # Errors
/// [`ExportError`].
pub fn list(
    snapshots: &Snapshots,
    filesystems: &[RootFilesystem<'_>],
    cancel: &CancelToken,
) -> Result<BTreeMap<PathBuf, ListedFile>, ExportError> {
    through_a_pipe(snapshots, filesystems, None, cancel, |mut reader| {
        let mut found = BTreeMap::new();
        let mut stream = TarStream::new(&mut reader);
        let mut buffer = vec![0; BUFFER_BYTES];
        let malformed = |error| ExportError::from(ExtractError::Malformed(error));
        while let Some(entry) = stream.next().map_err(malformed)? {
            let mut hasher = Sha256::new();
            loop {
                cancel.check()?;
                let count = stream.read(&mut buffer).map_err(malformed)?;
                if count == 0 {
                    break;
                }
                hasher.update(&buffer[..count]);
            }
            let path = Path::new(std::ffi::OsStr::from_bytes(&entry.path)).components().collect();
            let (kind, mode, owner, link) = (entry.kind.as_byte(), entry.mode, entry.owner, entry.link);
            found.insert(
                path,
                ListedFile { kind, mode, owner, link, digest: Digest::from_bytes(hasher.finalize().into()) },
            );
        }
        Ok(found)
    })
}

/// Checks that root filesystems which go to the same place do not differ in any file.
///
/// Spec: dockerfile-semantics 13.4, `platform-split=false`.
///
/// # Errors
/// [`ExportError::Overwrites`].
pub fn check_merge(
    snapshots: &Snapshots,
    filesystems: &[RootFilesystem<'_>],
    cancel: &CancelToken,
) -> Result<(), ExportError> {
    let mut seen: BTreeMap<PathBuf, (ListedFile, &str)> = BTreeMap::new();
    for filesystem in filesystems {
        for (path, file) in list(snapshots, std::slice::from_ref(filesystem), cancel)? {
            match seen.get(&path) {
                Some((known, first)) if *known != file => {
                    let (first, second) = ((*first).to_owned(), filesystem.shown.clone());
                    return Err(ExportError::Overwrites { path, first, second });
                }
                Some(_) => {}
                None => {
                    seen.insert(path, (file, &filesystem.shown));
                }
            }
        }
    }
    Ok(())
}

/// Writes a tar on one thread and reads it on this one.
fn through_a_pipe<T>(
    snapshots: &Snapshots,
    filesystems: &[RootFilesystem<'_>],
    source_date_epoch: Option<i64>,
    cancel: &CancelToken,
    read: impl FnOnce(&mut std::io::PipeReader) -> Result<T, ExportError>,
) -> Result<T, ExportError> {
    let (mut reader, mut writer) = std::io::pipe().map_err(ExportError::Write)?;
    std::thread::scope(|scope| {
        let written = scope.spawn(move || write_tar(snapshots, filesystems, source_date_epoch, &mut writer, cancel));
        let mut outcome = read(&mut reader);
        if outcome.is_ok()
            && let Err(error) = std::io::copy(&mut reader, &mut std::io::sink())
        {
            outcome = Err(ExportError::Write(error));
        }
        drop(reader);
        let written = written.join().unwrap_or(Ok(()));
        // Where reading failed, the writer's broken pipe says nothing.
        let outcome = outcome?;
        written.map(|()| outcome)
    })
}

/// Removes what is not listed. Links are removed, never followed.
fn remove_others(
    destination: &Path,
    below: &Path,
    kept: &BTreeMap<PathBuf, ListedFile>,
    cancel: &CancelToken,
) -> Result<(), ExportError> {
    let directory = destination.join(below);
    for entry in fs::read_dir(&directory).at("list", &directory)? {
        cancel.check()?;
        let entry = entry.at("list", &directory)?;
        let name = below.join(entry.file_name());
        let is_directory = entry.file_type().at("examine", entry.path())?.is_dir();
        match (kept.contains_key(&name), is_directory) {
            (true, true) => remove_others(destination, &name, kept, cancel)?,
            (true, false) => {}
            (false, true) => fs::remove_dir_all(entry.path()).at("remove", entry.path())?,
            (false, false) => fs::remove_file(entry.path()).at("remove", entry.path())?,
        }
    }
    Ok(())
}
