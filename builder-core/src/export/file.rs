//! A stream into the file that somebody named.
//!
//! A file is written without a name and takes its place at the end, so that it is whole or not there. That holds only
//! where nothing is there yet or a regular file is: a device or pipe is a thing to write to, and a symbolic link says
//! where the file is.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, ErrorKind, Seek, SeekFrom, Write};
use std::os::unix::fs::{FileExt, FileTypeExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::OFlags;

use super::ExportError;
use super::hidden::HiddenFile;
use crate::cancel::CancelToken;
use crate::fs::{PathContext, PathError};

/// Bytes that are written at once.
const BUFFER_BYTES: usize = 256 * 1024;
/// As many symbolic links as the kernel follows.
const MAX_LINKS: usize = 40;
/// How often a pipe is looked at for a reader.
const READER_INTERVAL: Duration = Duration::from_millis(20);

/// Writes `path` with what `write` writes. A new file or one in place of a regular file is whole or not there; the
/// latter keeps permissions and, where this process may say so, owner. Devices and pipes are written to, symbolic links are followed.
///
/// # Errors
/// [`ExportError::Path`] where the file cannot be written, and what `write` returns.
pub fn write_file<E: From<ExportError>>(
    path: &Path,
    cancel: &CancelToken,
    write: impl FnOnce(&mut Target<'_>) -> Result<(), E>,
) -> Result<(), E> {
    match place(path).map_err(ExportError::from)? {
        Place::File(place, existing) => into_place(&place, existing, write),
        Place::Stream { pipe } => {
            let stream = open_stream(path, pipe, cancel)?;
            let mut out = Target::new(stream, path, false);
            write(&mut out)?;
            Ok(out.flush().map_err(ExportError::Write)?)
        }
    }
}

/// Tells whether what is written to a path cannot be taken back: there is a device or a pipe.
pub fn is_stream(path: &Path) -> bool {
    matches!(place(path), Ok(Place::Stream { .. }))
}

/// What is being written. Its errors say what its path is.
#[derive(Debug)]
pub struct Target<'p> {
    out: BufWriter<File>,
    path: &'p Path,
    /// Whether nobody else sees it yet.
    hidden: bool,
}

impl<'p> Target<'p> {
    fn new(file: File, path: &'p Path, hidden: bool) -> Self {
        Self { out: BufWriter::with_capacity(BUFFER_BYTES, file), path, hidden }
    }

    /// Returns the file itself where it is one of which any part can still be written.
    ///
    /// # Errors
    /// Those of writing what waits to be written.
    pub fn in_place(&mut self) -> io::Result<Option<InPlaceFile<'_>>> {
        self.flush()?;
        Ok(self.hidden.then_some(InPlaceFile { file: self.out.get_ref(), path: self.path }))
    }
}

impl Write for Target<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.out.write(bytes).map_err(|error| named(error, self.path))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush().map_err(|error| named(error, self.path))
    }
}

/// A file of which any part can be written, and that grows at its end. Its errors say what its path is.
#[derive(Clone, Copy, Debug)]
pub struct InPlaceFile<'f> {
    file: &'f File,
    path: &'f Path,
}

impl InPlaceFile<'_> {
    /// Where the next bytes go.
    pub(super) fn position(mut self) -> io::Result<u64> {
        self.file.stream_position().map_err(|error| named(error, self.path))
    }

    /// Replaces bytes that have been written.
    pub(super) fn replace(self, start: u64, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all_at(bytes, start).map_err(|error| named(error, self.path))
    }

    /// Forgets what was written from a place on.
    pub(super) fn cut(mut self, start: u64) -> io::Result<()> {
        let cut = self.file.set_len(start).and_then(|()| self.file.seek(SeekFrom::Start(start)));
        cut.map(drop).map_err(|error| named(error, self.path))
    }
}

impl Write for InPlaceFile<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes).map_err(|error| named(error, self.path))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Says which file could not be written; interruptions are for whoever writes on.
fn named(error: io::Error, path: &Path) -> io::Error {
    if error.kind() == ErrorKind::Interrupted {
        return error;
    }
    let path = path.to_owned();
    io::Error::new(error.kind(), PathError { operation: "write", path, source: error })
}

/// What is written to.
enum Place {
    /// A path free of links at its end, and what is known of the file that is there.
    File(PathBuf, Option<fs::Metadata>),
    /// Something that is opened and written to.
    Stream {
        /// Whether it is a pipe, which waits for its reader.
        pipe: bool,
    },
}

fn place(path: &Path) -> Result<Place, PathError> {
    // The kernel follows the links, and by that keeps its rules about links in directories for all.
    match fs::metadata(path) {
        Ok(metadata) if metadata.is_file() => match fs::canonicalize(path) {
            Ok(place) => Ok(Place::File(place, Some(metadata))),
            // A file without a name of its own, behind `/dev/stdout` for one.
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(Place::Stream { pipe: false }),
            Err(error) => Err(error).at("resolve", path),
        },
        Ok(metadata) if metadata.is_dir() => Err(rustix::io::Errno::ISDIR).at("write", path),
        Ok(metadata) => Ok(Place::Stream { pipe: metadata.file_type().is_fifo() }),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Place::File(end_of_links(path)?, None)),
        Err(error) => Err(error).at("look at", path),
    }
}

/// Follows links that lead to nothing yet.
fn end_of_links(path: &Path) -> Result<PathBuf, PathError> {
    let mut place = path.to_owned();
    for _ in 0..MAX_LINKS {
        match fs::read_link(&place) {
            Ok(target) => place = place.parent().unwrap_or(Path::new("")).join(target),
            Err(_) => return Ok(place),
        }
    }
    Err(rustix::io::Errno::LOOP).at("resolve", path)
}

fn into_place<E: From<ExportError>>(
    place: &Path,
    existing: Option<fs::Metadata>,
    write: impl FnOnce(&mut Target<'_>) -> Result<(), E>,
) -> Result<(), E> {
    let failed = |error: PathError| ExportError::from(error).of_destination();
    let hidden = HiddenFile::beside(place, existing).map_err(failed)?;
    let file = hidden.file().try_clone().at("write", place).map_err(failed)?;
    let mut target = Target::new(file, place, true);
    write(&mut target)?;
    target.flush().map_err(ExportError::Write)?;
    Ok(hidden.put_in_place().map_err(failed)?)
}

/// Opens what is there, and nothing new. A pipe has to wait until somebody reads it, but not longer than the user
/// does.
fn open_stream(path: &Path, pipe: bool, cancel: &CancelToken) -> Result<File, ExportError> {
    if !pipe {
        return Ok(OpenOptions::new().write(true).open(path).at("open", path)?);
    }
    loop {
        let flags = i32::from_ne_bytes(OFlags::NONBLOCK.bits().to_ne_bytes());
        match OpenOptions::new().write(true).custom_flags(flags).open(path) {
            Ok(file) => {
                rustix::fs::fcntl_setfl(&file, OFlags::empty()).at("open", path)?;
                return Ok(file);
            }
            Err(error) if error.raw_os_error() == Some(rustix::io::Errno::NXIO.raw_os_error()) => {}
            Err(error) => return Err(error).at("open", path)?,
        }
        cancel.wait_timeout(READER_INTERVAL);
        cancel.check()?;
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn text(path: &Path, text: &str) -> Result<(), ExportError> {
        write_file(path, &CancelToken::new(), |out| out.write_all(text.as_bytes()).map_err(ExportError::Write))
    }

    #[test]
    fn a_pipe_waits_for_its_reader_or_for_the_user() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("pipe");
        rustix::fs::mknodat(rustix::fs::CWD, &path, rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
        let reader = std::thread::spawn({
            let path = path.clone();
            move || {
                std::thread::sleep(3 * READER_INTERVAL);
                let mut found = String::new();
                File::open(path).unwrap().read_to_string(&mut found).unwrap();
                found
            }
        });
        text(&path, "through").unwrap();
        assert_eq!(reader.join().unwrap(), "through");
        let cancel = CancelToken::new();
        cancel.cancel();
        let outcome = write_file(&path, &cancel, |_| Ok::<(), ExportError>(()));
        assert!(matches!(outcome, Err(ExportError::Cancelled(_))));
        assert!(fs::symlink_metadata(path).unwrap().file_type().is_fifo());
    }

    #[test]
    fn what_fails_leaves_the_file_that_was_there() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("file");
        text(&path, "old").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        let outcome = write_file(&path, &CancelToken::new(), |out| {
            out.write_all(b"half").map_err(ExportError::Write)?;
            Err(ExportError::Cancelled(crate::cancel::Cancelled))
        });
        assert!(outcome.is_err());
        assert_eq!(fs::read_to_string(&path).unwrap(), "old");
        text(&path, "new").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "new");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o640);
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
    }

    #[test]
    fn links_are_followed_to_their_end() {
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        fs::create_dir(at("there")).unwrap();
        std::os::unix::fs::symlink("second", at("first")).unwrap();
        std::os::unix::fs::symlink("there/file", at("second")).unwrap();
        std::os::unix::fs::symlink("loop", at("loop")).unwrap();
        for content in ["new", "newer"] {
            text(&at("first"), content).unwrap();
            assert_eq!(fs::read_to_string(at("there/file")).unwrap(), content);
            assert!(fs::symlink_metadata(at("first")).unwrap().is_symlink());
        }
        assert!(matches!(text(&at("loop"), ""), Err(ExportError::Path(_))));
        assert!(matches!(text(&at("there"), ""), Err(ExportError::Path(_))));
    }
}
