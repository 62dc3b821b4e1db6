//! Entries of a layer that are in no directory of it: they go from where they are straight into the archive.

use std::ffi::CString;
use std::fs::File;
use std::io::{Read, Seek};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use super::LayerError;
use super::header::NO_XATTRS;
use super::lower::Lower;
use super::write::LayerWriter;
use crate::fs::PathContext;

/// What the entries of one directory of a layer are.
pub(crate) trait Graft {
    /// The directory, relative to the root of the layer. It is there, and empty.
    fn directory(&self) -> &Path;

    /// Writes its entries in the order of an archive: by the bytes of their names, a directory before what is in it.
    fn write(&self, out: &mut GraftWriter<'_, '_>) -> Result<(), LayerError>;
}

/// What an archive says of an entry besides its name and kind.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Attributes {
    /// Permissions: 0 to 0o7777.
    pub(crate) mode: u32,
    /// The owner.
    pub(crate) uid: u32,
    /// The group.
    pub(crate) gid: u32,
    /// The last change of the content, whole seconds since 1970.
    pub(crate) mtime: i64,
    /// Major and minor number of a device.
    pub(crate) device: (u32, u32),
    /// The size of a regular file in bytes.
    pub(crate) size: u64,
}

/// Takes the entries of a [`Graft`]. Times are set back to the clamp of the layer.
pub(crate) struct GraftWriter<'g, 'a> {
    writer: &'g mut LayerWriter<'a>,
    /// The directory below that its entries come into.
    lower: &'g Lower,
}

impl<'g, 'a> GraftWriter<'g, 'a> {
    pub(super) fn new(writer: &'g mut LayerWriter<'a>, lower: &'g Lower) -> Self {
        Self { writer, lower }
    }

    /// Writes a directory and what is in it.
    pub(crate) fn directory(
        &mut self,
        path: &Path,
        attributes: Attributes,
        inside: impl FnOnce(&mut GraftWriter<'_, '_>) -> Result<(), LayerError>,
    ) -> Result<(), LayerError> {
        let below = match name_of(path) {
            Some(name) => self.lower.directory(&name, path)?,
            None => Lower::NOTHING,
        };
        let attributes = self.clamped(attributes);
        let begun = self.writer.begin_directory(path, attributes, &NO_XATTRS, &below)?;
        inside(&mut GraftWriter::new(self.writer, &below))?;
        self.writer.end_directory(begun);
        Ok(())
    }

    /// Tells whether what the layer lies on has the same file, so that it needs no entry. The content is read where
    /// only that can tell; then the file is at its beginning again.
    pub(crate) fn is_below(&self, path: &Path, attributes: &Attributes, file: &File) -> Result<bool, LayerError> {
        let Some(name) = name_of(path) else { return Ok(false) };
        let Some(candidate) = self.lower.file_with(&name, attributes, path)? else { return Ok(false) };
        let mut file = file;
        let is_same = candidate.equals(&NO_XATTRS, &mut file.take(attributes.size), path)?;
        file.rewind().at("read", path)?;
        Ok(is_same)
    }

    /// Writes a symbolic link, unless what the layer lies on has the same.
    pub(crate) fn symlink(&mut self, path: &Path, attributes: Attributes, target: &[u8]) -> Result<(), LayerError> {
        if let Some(name) = name_of(path)
            && self.lower.is_link(&name, &attributes, target, path)?
        {
            return Ok(());
        }
        self.head(path, b'2', attributes, target)
    }

    /// Writes a further name of a file that was written before.
    pub(crate) fn hardlink(&mut self, path: &Path, attributes: Attributes, first: &[u8]) -> Result<(), LayerError> {
        self.head(path, b'1', Attributes { size: 0, ..attributes }, first)
    }

    /// Writes a file with as much of its content as the attributes say, which must be there; returns its BLAKE3, unless
    /// that is known.
    pub(crate) fn file(
        &mut self,
        path: &Path,
        attributes: Attributes,
        file: &File,
        known: Option<[u8; 32]>,
    ) -> Result<[u8; 32], LayerError> {
        self.head(path, b'0', attributes, b"")?;
        self.writer.content_of(file, path, attributes.size, true, known)
    }

    /// Writes a file with nothing in it.
    pub(crate) fn empty_file(&mut self, path: &Path, attributes: Attributes) -> Result<(), LayerError> {
        self.head(path, b'0', Attributes { size: 0, ..attributes }, b"")?;
        self.writer.no_content();
        Ok(())
    }

    fn head(&mut self, path: &Path, kind: u8, attributes: Attributes, link: &[u8]) -> Result<(), LayerError> {
        let attributes = self.clamped(attributes);
        self.writer.head(path, kind, &attributes, link, &NO_XATTRS)
    }

    fn clamped(&self, attributes: Attributes) -> Attributes {
        let mtime = self.writer.clamp.map_or(attributes.mtime, |clamp| attributes.mtime.min(clamp));
        Attributes { mtime, ..attributes }
    }
}

fn name_of(path: &Path) -> Option<CString> {
    CString::new(path.file_name()?.as_bytes()).ok()
}
