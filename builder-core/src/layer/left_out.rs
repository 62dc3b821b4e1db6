//! Device nodes of layers that no file on this machine stands for: those that an ordinary user may not make, and the
//! character device 0:0, which means something else to overlayfs. The layers' archives have them; laid on each other,
//! they say which of them the root filesystem would have.
//!
//! Spec: OCI image-spec 1.1, layer.md, "Whiteouts".

use std::collections::{BTreeMap, HashMap};
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use tar::EntryType;

use super::graft::Attributes;
use super::unpack::clean;
use super::{LayerError, OPAQUE_WHITEOUT, WHITEOUT_PREFIX};
use crate::fs::PathError;
use crate::fs::entry::{FileKind, Metadata};
use crate::fs::root::{Follow, RootDir};
use crate::fs::tar_stream::TarEntry;

/// The most device nodes of an image: a whole `/dev` has some hundred.
pub(super) const MAX_DEVICES: usize = 100_000;

/// A device node, or another name of one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Device {
    /// The type byte of tar.
    pub(crate) kind: u8,
    pub(crate) attributes: Attributes,
    /// What tells it from others: the path that its archive has it under first.
    pub(crate) first: PathBuf,
    /// The layer that it is of, where layers are laid on each other.
    pub(crate) layer: usize,
}

/// Device nodes on their way through the layers of an image.
#[derive(Debug, Default)]
pub(crate) struct Devices {
    found: BTreeMap<PathBuf, Device>,
    layer: usize,
}

/// Device nodes that a root filesystem has and its files do not, by directory and name.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct LeftOut(HashMap<PathBuf, BTreeMap<OsString, Device>>);

impl Devices {
    /// Begins the next layer.
    pub(crate) fn begin_layer(&mut self) {
        self.layer += 1;
    }

    /// Takes an entry of the layer.
    ///
    /// # Errors
    /// [`LayerError::Escape`], [`LayerError::Limit`].
    pub(crate) fn entry(&mut self, entry: &TarEntry) -> Result<(), LayerError> {
        let Some(path) = clean(Path::new(OsStr::from_bytes(&entry.path)))? else { return Ok(()) };
        let (name, parent) = (path.file_name().unwrap_or_default(), path.parent().unwrap_or(Path::new("")));
        if name == OPAQUE_WHITEOUT {
            self.hide(parent);
            return Ok(());
        }
        if let Some(hidden) = name.as_bytes().strip_prefix(WHITEOUT_PREFIX.as_bytes()) {
            self.hide(&parent.join(OsStr::from_bytes(hidden)));
            return Ok(());
        }
        match entry.kind {
            EntryType::Directory => _ = self.found.remove(&path),
            _ => self.remove(&path),
        }
        let device = match entry.kind {
            EntryType::Char | EntryType::Block => {
                let narrow = |id: u64| u32::try_from(id).unwrap_or(u32::MAX);
                let (uid, gid) = (narrow(entry.owner.0), narrow(entry.owner.1));
                let (mode, mtime) = (entry.mode & 0o7777, entry.mtime.0);
                let attributes = Attributes { mode, uid, gid, mtime, device: entry.device, size: 0 };
                Device { kind: entry.kind.as_byte(), attributes, first: path.clone(), layer: self.layer }
            }
            EntryType::Link => {
                let target = clean(Path::new(OsStr::from_bytes(&entry.link)))?;
                let Some(device) = target.and_then(|target| self.found.get(&target)) else { return Ok(()) };
                Device { layer: self.layer, ..device.clone() }
            }
            _ => return Ok(()),
        };
        if self.found.len() >= MAX_DEVICES {
            return Err(LayerError::Limit { what: "device nodes", limit: MAX_DEVICES as u64 });
        }
        self.found.insert(path, device);
        Ok(())
    }

    /// Takes away a path and what is below it.
    fn remove(&mut self, path: &Path) {
        for gone in self.below(path) {
            self.found.remove(&gone);
        }
    }

    /// Does the same as far as it is of the layers before this one: a whiteout does not mean its own layer.
    fn hide(&mut self, path: &Path) {
        for gone in self.below(path) {
            if self.found.get(&gone).is_some_and(|device| device.layer < self.layer) {
                self.found.remove(&gone);
            }
        }
    }

    fn below(&self, path: &Path) -> Vec<PathBuf> {
        let from = self.found.range(path.to_owned()..).map(|(path, _)| path);
        from.take_while(|known| known.starts_with(path)).cloned().collect()
    }

    /// Returns those that a root filesystem should show and does not.
    ///
    /// # Errors
    /// [`PathError`] where it cannot be looked at.
    pub(crate) fn missing_from(self, root: &RootDir) -> Result<LeftOut, PathError> {
        let mut left_out = LeftOut::default();
        for (path, device) in self.found {
            let (Some(name), parent) = (path.file_name(), path.parent().unwrap_or(Path::new(""))) else { continue };
            // Something else may be in the place of its directory now.
            let Ok(directory) = root.resolve(parent, Follow::Yes) else { continue };
            let is_directory = directory.metadata.is_some_and(|known| known.kind == FileKind::Directory);
            if is_directory && root.find(&directory.path.join(name), Follow::No)?.is_none() {
                left_out.0.entry(directory.path).or_default().insert(name.to_owned(), device);
            }
        }
        Ok(left_out)
    }
}

impl Device {
    /// What would be known of it if it were there.
    pub(crate) fn metadata(&self) -> Metadata {
        let Attributes { mode, uid, gid, mtime, device, .. } = self.attributes;
        let kind = if self.kind == EntryType::Block.as_byte() { FileKind::BlockDevice } else { FileKind::CharDevice };
        let (time, none) = ((mtime, 0), (0, 0));
        Metadata {
            kind,
            mode,
            uid,
            gid,
            size: 0,
            mtime: time,
            atime: time,
            ctime: time,
            device,
            links: 1,
            identity: none,
        }
    }
}

impl LeftOut {
    /// Tells whether there is nothing.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds a node.
    pub(crate) fn put(&mut self, path: &Path, device: Device) {
        let (Some(name), parent) = (path.file_name(), path.parent().unwrap_or(Path::new(""))) else { return };
        self.0.entry(parent.to_owned()).or_default().insert(name.to_owned(), device);
    }

    /// Takes a path away, and what is below it.
    pub(crate) fn remove(&mut self, path: &Path) {
        if self.0.is_empty() {
            return;
        }
        self.retain(|known| !known.starts_with(path));
    }

    /// Takes away what is not wanted.
    pub(crate) fn retain(&mut self, wanted: impl Fn(&Path) -> bool) {
        self.0.retain(|directory, nodes| {
            nodes.retain(|name, _| wanted(&directory.join(name)));
            !nodes.is_empty()
        });
    }

    /// Sets their times back to a time where they are later, in seconds since 1970.
    pub(crate) fn clamp(&mut self, clamp: Option<i64>) {
        for device in self.0.values_mut().flat_map(BTreeMap::values_mut) {
            let mtime = device.attributes.mtime;
            device.attributes.mtime = clamp.map_or(mtime, |clamp| mtime.min(clamp));
        }
    }

    /// Returns all of them with their paths, in the order of these.
    pub(crate) fn all<'d>(&'d self) -> BTreeMap<PathBuf, &'d Device> {
        let inside = |(directory, nodes): (&PathBuf, &'d BTreeMap<OsString, Device>)| {
            let directory = directory.clone();
            nodes.iter().map(move |(name, device)| (directory.join(name), device))
        };
        self.0.iter().flat_map(inside).collect()
    }

    /// Returns the names in a directory.
    pub(crate) fn names(&self, directory: &Path) -> impl Iterator<Item = &OsStr> {
        self.0.get(directory).into_iter().flat_map(|devices| devices.keys().map(OsString::as_os_str))
    }

    /// Returns what is left out at a path.
    pub(crate) fn device(&self, path: &Path) -> Option<&Device> {
        if self.0.is_empty() {
            return None;
        }
        self.0.get(path.parent()?)?.get(path.file_name()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(kind: EntryType, path: &str) -> TarEntry {
        TarEntry {
            kind,
            path: path.as_bytes().to_vec(),
            link: b"dev/one".to_vec(),
            owner: (0, 5),
            mode: 0o620,
            mtime: (7, 0),
            device: (1, 3),
            xattrs: Vec::new(),
        }
    }

    type Made = (EntryType, &'static str);

    /// What is left of layers, each a list of kinds and paths, in an empty root filesystem with the directory `dev`.
    fn left(layers: &[&[Made]]) -> Vec<String> {
        let mut devices = Devices::default();
        for layer in layers {
            devices.begin_layer();
            for (kind, path) in *layer {
                devices.entry(&entry(*kind, path)).unwrap();
            }
        }
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir(root.path().join("dev")).unwrap();
        std::fs::write(root.path().join("dev/there"), "").unwrap();
        let left = devices.missing_from(&RootDir::open(root.path()).unwrap()).unwrap();
        let mut paths: Vec<String> = left
            .0
            .iter()
            .flat_map(|(directory, names)| names.keys().map(|name| directory.join(name)))
            .map(|path| path.display().to_string())
            .collect();
        paths.sort();
        paths
    }

    #[test]
    fn later_layers_hide_what_earlier_ones_have() {
        use EntryType::{Block, Char, Directory, Link, Regular};
        let first: &[Made] =
            &[(Char, "./dev/one"), (Block, "dev/two"), (Link, "dev/three"), (Char, "dev/there"), (Char, "nowhere/x")];
        let cases: [(&[Made], &[&str]); 7] = [
            (&[], &["dev/one", "dev/three", "dev/two"]),
            (&[(Regular, "dev/.wh.one")], &["dev/three", "dev/two"]),
            (&[(Regular, "dev/.wh..wh..opq")], &[]),
            (&[(Char, "dev/new"), (Regular, "dev/.wh..wh..opq")], &["dev/new"]),
            (&[(Regular, "dev/two")], &["dev/one", "dev/three"]),
            (&[(Directory, "dev/two"), (Directory, "dev")], &["dev/one", "dev/three"]),
            (&[(Regular, "dev"), (Directory, "dev"), (Char, "dev/again")], &["dev/again"]),
        ];
        for (second, expected) in cases {
            assert_eq!(left(&[first, second]), expected, "{second:?}");
        }
    }
}
