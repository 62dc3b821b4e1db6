//! A COPY whose files go straight from where they are into the archive of the layer, for a layer that no step reads.

mod read;

use std::cell::RefCell;
use std::ffi::OsString;
use std::fs::File;
use std::io::{Cursor, Read, Seek};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use self::read::{Found, FoundContent, FoundKind, Walk};
use super::{CopyRequest, select::Selected};
use crate::cancel::CancelToken;
use crate::fs::PathContext;
use crate::fs::entry::{self, Metadata};
use crate::layer::{Attributes, Graft, GraftWriter, LayerError};

/// Up to here a file is read before its entry is begun.
const SMALL_BYTES: u64 = 1024 * 1024;

/// The files of one COPY, ready to be written into an archive. What it makes is what a copy would have left.
#[derive(Debug)]
pub struct CopyGraft<'a> {
    pub(super) request: CopyRequest<'a>,
    pub(super) found: &'a Selected,
    /// The directory that they are in, opened.
    pub(super) from: OwnedFd,
    /// The directory that they come into, free of links, relative to the root.
    pub(super) directory: PathBuf,
    /// What a single file is called there; nothing where the source is a directory.
    pub(super) name: Option<OsString>,
    pub(super) cancel: &'a CancelToken,
    pub(super) changed: AtomicBool,
}

impl CopyGraft<'_> {
    /// Tells whether a file changed between its selection and the end of its copy, as
    /// [`super::CopyOutcome::changed`] does.
    pub fn changed(&self) -> bool {
        self.changed.load(Ordering::Relaxed)
    }

    fn note(&self, now: &Metadata, selected: &Metadata) {
        if !now.is_unchanged_since(selected) {
            self.changed.store(true, Ordering::Relaxed);
        }
    }

    fn attributes(&self, metadata: &Metadata) -> Attributes {
        let (uid, gid) = self.request.owner_of(metadata);
        let mode = self.request.mode_of(metadata);
        Attributes { mode, uid, gid, mtime: metadata.mtime.0, ..Attributes::default() }
    }
}

impl Graft for CopyGraft<'_> {
    fn directory(&self) -> &Path {
        &self.directory
    }

    fn write(&self, out: &mut GraftWriter<'_, '_>) -> Result<(), LayerError> {
        let walk = Walk::new(self);
        read::ahead(walk, |found| Writer { graft: self, buffer: RefCell::default() }.inside(found, out))
    }
}

/// Writes what has been found.
struct Writer<'a> {
    graft: &'a CopyGraft<'a>,
    buffer: RefCell<Vec<u8>>,
}

impl Writer<'_> {
    /// Writes entries up to the end of the directory that they are in.
    fn inside(
        &self,
        found: &mut dyn Iterator<Item = Result<Found<'_>, LayerError>>,
        out: &mut GraftWriter<'_, '_>,
    ) -> Result<(), LayerError> {
        while let Some(next) = found.next() {
            self.graft.cancel.check()?;
            let Found { path, attributes, kind } = next?;
            match kind {
                FoundKind::Directory => out.directory(&path, attributes, |out| self.inside(found, out))?,
                FoundKind::EndOfDirectory => return Ok(()),
                FoundKind::Symlink(target) => out.symlink(&path, attributes, &target)?,
                FoundKind::Hardlink(first) => out.hardlink(&path, attributes, &first)?,
                FoundKind::File { content, several } => self.file(&path, attributes, content, several, out)?,
            }
        }
        Ok(())
    }

    fn file(
        &self,
        path: &Path,
        attributes: Attributes,
        content: FoundContent<'_>,
        several: bool,
        out: &mut GraftWriter<'_, '_>,
    ) -> Result<(), LayerError> {
        match content {
            FoundContent::Read(bytes) => bytes_of(path, attributes, &bytes, several, out),
            FoundContent::Open { mut file, size, selected } => {
                if size <= SMALL_BYTES {
                    let mut buffer = self.buffer.borrow_mut();
                    buffer.clear();
                    (&mut file).take(SMALL_BYTES + 1).read_to_end(&mut buffer).at("read", path)?;
                    if buffer.len() as u64 > SMALL_BYTES {
                        // It grows while it is read.
                        return Err(LayerError::Changed { path: path.to_owned(), expected: size });
                    }
                    bytes_of(path, attributes, &buffer, several, out)?;
                } else {
                    large(path, Attributes { size, ..attributes }, &mut file, several, out)?;
                }
                self.graft.note(&entry::metadata_of(&file).at("look at", path)?, selected);
                Ok(())
            }
        }
    }
}

fn bytes_of(
    path: &Path,
    attributes: Attributes,
    bytes: &[u8],
    several: bool,
    out: &mut GraftWriter<'_, '_>,
) -> Result<(), LayerError> {
    let attributes = Attributes { size: bytes.len() as u64, ..attributes };
    if several || !out.is_below(path, &attributes, &mut Cursor::new(bytes))? {
        out.file(path, attributes, &mut Cursor::new(bytes))?;
    }
    Ok(())
}

fn large(
    path: &Path,
    attributes: Attributes,
    file: &mut File,
    several: bool,
    out: &mut GraftWriter<'_, '_>,
) -> Result<(), LayerError> {
    if several || !out.is_below(path, &attributes, &mut (&mut *file).take(attributes.size))? {
        file.rewind().at("read", path)?;
        out.file(path, attributes, &mut file.take(attributes.size))?;
    }
    Ok(())
}
