//! Root filesystems as chains of layer directories.
//!
//! A chain is named by its diff IDs, bottom first. Each layer of a chain has one directory below
//! `snapshots/`, found by the chain ID of the chain up to it (OCI image-spec 1.1, config.md, "Layer `ChainID`").
//! A chain is looked at, or worked on, through an overlay mount that is attached nowhere: it goes away with its
//! descriptor.

pub(crate) mod arrivals;
mod chain;
mod damage;
mod elsewhere;
mod error;
mod lay_out;
mod left_out;
mod merge;
mod sole;
mod suspect;
mod verify;

use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub use crate::oci::chain_id;
pub use elsewhere::{BlobProgress, FetchedLayers, LayerSource, LayerSourceError};
pub use error::SnapshotError;

use crate::cancel::CancelToken;
use crate::digest::Digest;
use crate::fs::PathContext;
use crate::fs::root::RootDir;
use crate::layer::{self, Graft, LayerSummary, LeftOut, OverlayFlavor};
use crate::store::{PlainBlobWriter, SnapshotRecord, Store, StoreError, WorkDir};
use crate::sys::mount;

/// A layer that has been added to the store.
pub type Layer = LayerSummary;

/// How a layer is made of what a step left behind.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct CommitOptions {
    /// Times are set back to this where they are later, seconds since 1970.
    pub clamp: Option<i64>,
    /// Whether the layer's tar becomes a blob of the store in the same pass.
    pub blob: bool,
}

/// The snapshots of a store.
#[derive(Clone, Debug)]
pub struct Snapshots {
    store: Store,
    flavor: OverlayFlavor,
    memory: Option<chain::Memory>,
    elsewhere: Arc<elsewhere::Elsewhere>,
}

impl Snapshots {
    /// Joins a store and the marks that overlayfs uses there.
    pub fn new(store: Store, flavor: OverlayFlavor) -> Self {
        Self { store, flavor, memory: None, elsewhere: Arc::default() }
    }

    /// Returns the store.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Returns the marks that overlayfs uses in the store; those of a user outside of root's namespace.
    pub fn flavor(&self) -> OverlayFlavor {
        self.flavor
    }

    fn record(&self, diff_ids: &[Digest]) -> Result<Option<(SnapshotRecord, PathBuf)>, SnapshotError> {
        self.chain_ids(diff_ids).last().map_or(Ok(None), |chain| self.record_of(chain))
    }

    fn record_of(&self, chain: &Digest) -> Result<Option<(SnapshotRecord, PathBuf)>, SnapshotError> {
        let Some(record) = self.store.snapshot(chain)? else { return Ok(None) };
        let path = self.store.snapshots_dir().join(&record.directory);
        Ok(path.is_dir().then_some((record, path)))
    }

    /// Tells whether the tar of a chain's last layer is there, or can be written again from its files. It cannot
    /// where they were unpacked from a blob that is gone.
    ///
    /// # Errors
    /// [`SnapshotError::Store`].
    pub fn has_tar(&self, diff_ids: &[Digest]) -> Result<bool, SnapshotError> {
        Ok(match (self.record(diff_ids)?, diff_ids.last()) {
            // One that was cut short is none.
            (Some((record, _)), Some(diff_id)) => record.made_here || self.store.has_whole_blob(diff_id, record.size),
            (_, diff_id) => diff_id.is_some_and(|diff_id| self.store.has_blob(diff_id)),
        })
    }

    /// Opens the root filesystem of a chain for reading.
    ///
    /// # Errors
    /// [`SnapshotError::Missing`], [`SnapshotError::Mount`].
    pub fn view(&self, diff_ids: &[Digest]) -> Result<OwnedFd, SnapshotError> {
        self.mounted(&self.lowers(diff_ids)?)
    }

    fn mounted(&self, directories: &[PathBuf]) -> Result<OwnedFd, SnapshotError> {
        if directories.is_empty() {
            // The directory is gone when this returns; its descriptor still shows nothing, which is right.
            let empty = self.store.work_dir()?;
            return Ok(File::open(empty.path()).at("open", empty.path())?.into());
        }
        let lowers: Vec<&Path> = directories.iter().map(PathBuf::as_path).collect();
        Ok(mount::overlay(&lowers, None, self.flavor == OverlayFlavor::User)?)
    }

    /// Begins a layer on a chain.
    ///
    /// # Errors
    /// [`SnapshotError::Missing`], [`SnapshotError::Store`].
    pub fn begin(&self, parent: &[Digest]) -> Result<ActiveSnapshot, SnapshotError> {
        let lowers = self.lowers(parent)?;
        let work = self.store.work_dir()?;
        for name in ["upper", "empty"] {
            let path = work.path().join(name);
            fs::create_dir(&path).at("create directory", &path)?;
            // The upper directory's mode is that of `/` in the filesystem.
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).at("set the mode of", &path)?;
        }
        let upper = work.path().join("upper");
        let parent = parent.to_vec();
        Ok(ActiveSnapshot { snapshots: self.clone(), parent, lowers, work, upper, is_independent: false })
    }

    /// Puts a finished layer directory in its place and records it.
    fn install(&self, parent: &[Digest], layer: &Layer, upper: &Path, made_here: bool) -> Result<(), SnapshotError> {
        let chain: Vec<Digest> = parent.iter().copied().chain([layer.diff_id]).collect();
        let chains = self.chain_ids(&chain);
        let Some(chain) = chains.last() else { return Ok(()) };
        // From here to the record nobody takes the directory for one that no record knows.
        let _gate = self.store.gate()?;
        self.store.retain(&chains)?;
        if self.record_of(chain)?.is_some() {
            return Ok(());
        }
        let prefix = format!("{}-", layer.diff_id.short());
        let snapshots = self.store.snapshots_dir();
        let place = tempfile::Builder::new().prefix(&prefix).tempdir_in(&snapshots).at("create in", &snapshots)?;
        // An empty directory may be renamed over: the name is ours, and its place is filled at once.
        fs::rename(upper, place.path()).at("rename", upper)?;
        let place = place.keep();
        let directory = place.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let record =
            SnapshotRecord { directory, diff_id: layer.diff_id, size: layer.size, content: layer.content, made_here };
        Ok(self.store.put_new_snapshot(chain, &record)?)
    }

    /// Unpacks a layer's plain tar on a chain; it must have the diff ID that the image's config says.
    ///
    /// # Errors
    /// [`SnapshotError::DiffId`] for another layer, [`SnapshotError::Layer`] for one that cannot be unpacked.
    pub fn unpack(
        &self,
        parent: &[Digest],
        expected: &Digest,
        reader: &mut dyn Read,
        cancel: &CancelToken,
    ) -> Result<Layer, SnapshotError> {
        let (active, layer, _) = self.unpack_any(parent, reader, cancel)?;
        if layer.diff_id != *expected {
            return Err(SnapshotError::DiffId { expected: *expected, found: layer.diff_id });
        }
        self.install(parent, &layer, &active.upper, false)?;
        Ok(layer)
    }

    /// Unpacks a plain tar on nothing, whatever its diff ID (`import`).
    ///
    /// # Errors
    /// [`SnapshotError::Layer`] for a tar that cannot be unpacked.
    pub fn import(&self, reader: &mut dyn Read, cancel: &CancelToken) -> Result<Layer, SnapshotError> {
        let (active, layer, _) = self.unpack_any(&[], reader, cancel)?;
        self.install(&[], &layer, &active.upper, false)?;
        Ok(layer)
    }

    fn unpack_any(
        &self,
        parent: &[Digest],
        reader: &mut dyn Read,
        cancel: &CancelToken,
    ) -> Result<(ActiveSnapshot, Layer, LeftOut), SnapshotError> {
        let active = self.begin(parent)?;
        let root =
            if parent.is_empty() { RootDir::open(&active.upper)? } else { RootDir::from_fd(active.mount(None)?) };
        let (layer, left_out) = layer::unpack_noting(reader, &root, cancel)?;
        if layer.left_out {
            self.store.note_left_out(&layer.diff_id, &left_out)?;
        }
        Ok((active, layer, left_out))
    }

    /// Makes a layer that a step of ours made on another chain usable on this one; tells whether there is such
    /// a layer. Its directory holds every parent of its entries, so it means the same on any chain.
    ///
    /// # Errors
    /// [`SnapshotError::Store`].
    pub fn adopt(&self, parent: &[Digest], diff_id: &Digest) -> Result<bool, SnapshotError> {
        let _gate = self.store.gate()?;
        let Some(record) = self.store.snapshot_of_layer(diff_id)? else { return Ok(false) };
        if !self.has(parent)? || !self.store.snapshots_dir().join(&record.directory).is_dir() {
            return Ok(false);
        }
        let chain: Vec<Digest> = parent.iter().copied().chain([*diff_id]).collect();
        if let Some(chain) = self.chain_ids(&chain).last() {
            self.store.retain(&[*chain])?;
            self.store.put_snapshot(chain, &record)?;
        }
        Ok(true)
    }

    /// Writes the tar of a chain's last layer again and verifies that it is the same, bit for bit.
    ///
    /// # Errors
    /// [`SnapshotError::Missing`] for layers that no step of ours made: theirs is the blob that they came in.
    /// [`SnapshotError::Changed`] where the files were changed behind our back: then the layer is forgotten.
    pub fn write_tar(
        &self,
        diff_ids: &[Digest],
        out: &mut (dyn Write + Send),
        cancel: &CancelToken,
    ) -> Result<Layer, SnapshotError> {
        let Some(expected) = diff_ids.last() else { return Err(SnapshotError::NoLayer) };
        let (record, path) = self.record(diff_ids)?.ok_or(SnapshotError::Missing { diff_id: *expected })?;
        if !record.made_here {
            return Err(SnapshotError::Missing { diff_id: *expected });
        }
        let layer = layer::write_layer(&path, self.flavor, None, out, cancel)?;
        if layer.diff_id != *expected {
            // So that the next build makes it again.
            self.store.forget_snapshot(&record.directory)?;
            return Err(SnapshotError::Changed { diff_id: *expected });
        }
        Ok(layer)
    }

    /// Makes sure that the uncompressed tar of a chain's last layer is a blob, and returns its size in bytes.
    ///
    /// # Errors
    /// As [`Snapshots::write_tar`].
    pub fn ensure_blob(&self, diff_ids: &[Digest], cancel: &CancelToken) -> Result<u64, SnapshotError> {
        let Some(diff_id) = diff_ids.last() else { return Err(SnapshotError::NoLayer) };
        if !self.store.has_blob(diff_id) {
            self.provide(diff_ids, cancel)?;
        }
        let known = chain_id(diff_ids).map(|chain| self.store.snapshot(&chain)).transpose()?.flatten();
        match self.store.blob_size(diff_id) {
            // One that was cut short is written again.
            Some(size) if known.is_none_or(|known| known.size == size) => return Ok(size),
            _ => {}
        }
        let mut blob = self.store.plain_blob_writer()?;
        let layer = self.write_tar(diff_ids, &mut blob, cancel)?;
        blob.finish_as(diff_id)?;
        Ok(layer.size)
    }
}

/// A layer in the making: dropped before [`ActiveSnapshot::commit`] it leaves nothing.
#[derive(Debug)]
pub struct ActiveSnapshot {
    snapshots: Snapshots,
    parent: Vec<Digest>,
    lowers: Vec<PathBuf>,
    work: WorkDir,
    upper: PathBuf,
    is_independent: bool,
}

impl ActiveSnapshot {
    /// Returns the directory that holds the layer's own files; with no chain below, files may be put there
    /// directly.
    pub fn upper(&self) -> &Path {
        &self.upper
    }

    /// Makes the layer the same whatever it lies on: it has what is below already, too.
    #[must_use]
    pub(crate) fn independent(self) -> Self {
        Self { is_independent: true, ..self }
    }

    /// Mounts the chain with the layer on top, for writing. `extra` is a directory that lies on top of the
    /// chain and is no part of the layer.
    ///
    /// # Errors
    /// [`SnapshotError::Mount`].
    pub fn mount(&self, extra: Option<&Path>) -> Result<OwnedFd, SnapshotError> {
        let empty = self.work.path().join("empty");
        let below = if self.lowers.is_empty() && extra.is_none() { Some(empty.as_path()) } else { None };
        let lowers: Vec<&Path> =
            extra.into_iter().chain(self.lowers.iter().map(PathBuf::as_path)).chain(below).collect();
        // What is written through a volatile mount is not synced, and its work directory serves once.
        let work = tempfile::Builder::new().prefix("work-").tempdir_in(self.work.path());
        let work = work.at("create in", self.work.path())?.keep();
        let user = self.snapshots.flavor == OverlayFlavor::User;
        Ok(mount::overlay(&lowers, Some((&self.upper, &work)), user)?)
    }

    /// Turns what is there now into a layer of the store. No mount of it may be in use any more.
    ///
    /// # Errors
    /// [`SnapshotError::Layer`], [`SnapshotError::Store`].
    pub fn commit(self, options: &CommitOptions, cancel: &CancelToken) -> Result<Layer, SnapshotError> {
        let is_empty = fs::read_dir(&self.upper).is_ok_and(|mut names| names.next().is_none());
        let lower = if is_empty { None } else { self.lower()? };
        let write = |out: &mut (dyn Write + Send)| {
            layer::write_layer_upon(lower, &self.upper, self.snapshots.flavor, options.clamp, out, cancel)
        };
        let layer = if options.blob { self.write_blob(write)? } else { write(&mut std::io::sink())? };
        self.snapshots.install(&self.parent, &layer, &self.upper, true)?;
        Ok(layer)
    }

    /// Does the same for a layer with device nodes that its files are without. Its tar cannot be written again from
    /// them: it becomes a blob.
    ///
    /// # Errors
    /// As [`ActiveSnapshot::commit`].
    pub(crate) fn commit_beside(
        self,
        left_out: &LeftOut,
        clamp: Option<i64>,
        cancel: &CancelToken,
    ) -> Result<Layer, SnapshotError> {
        let (lower, flavor) = (self.lower()?, self.snapshots.flavor);
        let write = |out: &mut (dyn Write + Send)| {
            layer::write_layer_beside(left_out, lower, &self.upper, flavor, clamp, out, cancel)
        };
        let layer = self.write_blob(write)?;
        if layer.left_out {
            let mut nodes = left_out.clone();
            nodes.clamp(clamp);
            self.snapshots.store.note_left_out(&layer.diff_id, &nodes)?;
        }
        self.snapshots.install(&self.parent, &layer, &self.upper, false)?;
        Ok(layer)
    }

    /// Turns what is there now, and entries that come from elsewhere, into a layer that becomes a blob of the store and
    /// nothing else: no snapshot. No mount of it may be in use any more.
    ///
    /// # Errors
    /// As [`ActiveSnapshot::commit`].
    pub(crate) fn commit_graft(
        self,
        graft: &dyn Graft,
        clamp: Option<i64>,
        cancel: &CancelToken,
    ) -> Result<WrittenLayer, SnapshotError> {
        let (lower, flavor) = (self.lower()?, self.snapshots.flavor);
        self.write(|out| layer::write_grafted_layer(lower, &self.upper, flavor, clamp, graft, out, cancel))
    }

    /// What the layer lies on, where there is something that it need not have.
    fn lower(&self) -> Result<Option<OwnedFd>, SnapshotError> {
        if self.lowers.is_empty() || self.is_independent {
            return Ok(None);
        }
        let lowers: Vec<&Path> = self.lowers.iter().map(PathBuf::as_path).collect();
        Ok(Some(mount::overlay(&lowers, None, self.snapshots.flavor == OverlayFlavor::User)?))
    }

    fn write_blob(
        &self,
        write: impl FnOnce(&mut (dyn Write + Send)) -> Result<Layer, layer::LayerError>,
    ) -> Result<Layer, SnapshotError> {
        self.write(write)?.publish()
    }

    fn write(
        &self,
        write: impl FnOnce(&mut (dyn Write + Send)) -> Result<Layer, layer::LayerError>,
    ) -> Result<WrittenLayer, SnapshotError> {
        let mut blob = self.snapshots.store.plain_blob_writer()?;
        Ok(WrittenLayer { layer: write(&mut blob)?, blob })
    }
}

/// A layer that has been written and is not in the store yet: dropped before [`WrittenLayer::publish`] it leaves nothing.
#[derive(Debug)]
pub(crate) struct WrittenLayer {
    layer: Layer,
    blob: PlainBlobWriter,
}

impl WrittenLayer {
    /// Makes it a blob of the store.
    ///
    /// # Errors
    /// [`SnapshotError::Store`].
    pub(crate) fn publish(self) -> Result<Layer, SnapshotError> {
        self.blob.finish_as(&self.layer.diff_id)?;
        Ok(self.layer)
    }
}

impl From<StoreError> for SnapshotError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}
