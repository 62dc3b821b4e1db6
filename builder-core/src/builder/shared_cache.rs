//! The shared caches of a build: read while it runs, written when it is done.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use super::build::Built;
use super::prepare::{Prepared, Tasks};
use super::{BuildError, BuildErrorKind, BuildOptions, Builder, ExportTarget, OutputKind};
use crate::cache::shared::{Bytes32, CacheDocument, CacheWatch, SharedCache, SharedLayer, SharedRecord};
use crate::cancel::CancelToken;
use crate::diagnostic::{Diagnostic, Severity};
use crate::digest::Digest;
use crate::event::{Event, EventSink};
use crate::export::{self, CacheBlob, ExportError};
use crate::image::{ImageError, ImageForm, LayerBlobs};
use crate::oci::{BlobDescriptor, media_type};
use crate::reference::Reference;
use crate::snapshot::{BlobProgress, SnapshotError};
use crate::solve::{StepError, StepResult};

/// One `--cache-to`.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct CacheExport {
    /// Where it is written.
    pub target: CacheTarget,
    /// Which steps.
    pub mode: CacheMode,
    /// How layers are compressed.
    pub form: ImageForm,
    /// Whether the build fails where the cache cannot be written. By default there is a warning.
    pub required: bool,
}

impl CacheExport {
    /// Makes an export of the steps of the image, in gzip.
    pub fn new(target: CacheTarget) -> Self {
        Self { target, mode: CacheMode::Min, form: ImageForm::archive(), required: false }
    }
}

/// Where a cache is written.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum CacheTarget {
    /// Into a registry.
    Registry(Reference),
    /// Into an OCI image layout, under a name.
    Local {
        /// The layout's directory.
        directory: PathBuf,
        /// The name.
        tag: String,
    },
    /// Into the image's config.
    Inline,
}

/// Which steps a cache has.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum CacheMode {
    /// Those whose layers the image has.
    #[default]
    Min,
    /// All.
    Max,
}

/// Shows what happens with caches as tasks and warnings of a build.
pub(super) struct Watch<'w> {
    pub(super) tasks: &'w Tasks<'w>,
    pub(super) events: &'w dyn EventSink,
    pub(super) prepared: &'w Prepared,
}

impl CacheWatch for Watch<'_> {
    fn task(&self, name: String, work: &mut dyn FnMut() -> Result<(), String>) {
        // Who did the work has told what went wrong.
        let _ = self.tasks.run(name, work);
    }

    fn warn(&self, message: String) {
        let diagnostic = Diagnostic::new(Severity::Warning, "shared-cache", message)
            .help("the build goes on without it; the image is the same, it only takes longer");
        self.events.emit(Event::Warning { diagnostic, source_file: Arc::clone(&self.prepared.source_file) });
    }
}

/// The shared cache that failed a build, and why: a step, or an output that needs a layer of it.
pub(super) fn to_blame(error: &BuildError) -> Option<(usize, String)> {
    let (cache, error): (_, &dyn std::error::Error) = match error.kind() {
        BuildErrorKind::Export(error @ ExportError::Elsewhere { cache: Some(cache), .. }) => (*cache, error),
        kind => {
            let error = of_snapshots(kind)?;
            (cache_of(error)?, error)
        }
    };
    let mut why = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        why = format!("{why}: {inner}");
        cause = inner.source();
    }
    Some((cache, why))
}

/// What is wrong with a layer, where that failed a build.
pub(super) fn of_snapshots(kind: &BuildErrorKind) -> Option<&SnapshotError> {
    match kind {
        BuildErrorKind::Solve { error, .. } => match &error.cause {
            StepError::Snapshot(error) => Some(error),
            _ => None,
        },
        BuildErrorKind::Image(ImageError::Snapshot(error))
        | BuildErrorKind::Export(ExportError::Snapshot(error) | ExportError::Image(ImageError::Snapshot(error))) => {
            Some(error)
        }
        _ => None,
    }
}

fn cache_of(error: &SnapshotError) -> Option<usize> {
    if let SnapshotError::Elsewhere { cache, .. } = error { *cache } else { None }
}

impl Builder {
    /// Brings the layers of what was built, where an output needs them. An image without a name in the store does not,
    /// nor does a build without a result; one that is pushed needs to know what they are.
    pub(super) fn bring(
        &self,
        options: &BuildOptions,
        built: &[Built],
        shared: &SharedCache<'_>,
        tasks: &Tasks<'_>,
        cancel: &CancelToken,
    ) -> Result<(), SnapshotError> {
        let named = !options.tags.is_empty();
        let has_image = options.outputs.iter().any(|output| output.kind == OutputKind::Image);
        let needs = |output: &super::Output| match output.kind {
            OutputKind::CacheOnly => false,
            OutputKind::Image => output.push.is_none() && output.store && (named || !output.names.is_empty()),
            _ => output.target != ExportTarget::Store || !output.names.is_empty(),
        };
        // Tags without an output of an image are those of an image in the store.
        let names_stored = named && !has_image;
        if !names_stored && !options.outputs.iter().any(needs) {
            for built in built.iter().filter(|_| options.outputs.iter().any(|output| output.push.is_some())) {
                self.snapshots.verify_elsewhere(&built.diff_ids, cancel)?;
            }
            return Ok(());
        }
        let reads = options.outputs.iter().any(|it| matches!(it.kind, OutputKind::Tar | OutputKind::Local));
        for built in built {
            let bring = |progress: &BlobProgress<'_>| {
                let snapshots = &self.snapshots;
                if reads {
                    snapshots.bring(&built.diff_ids, progress, cancel)
                } else {
                    snapshots.bring_from_elsewhere(&built.diff_ids, progress, cancel)
                }
            };
            let mut is_elsewhere = false;
            for length in 1..=built.diff_ids.len() {
                is_elsewhere |= self.snapshots.elsewhere(&built.diff_ids[..length])?.is_some();
            }
            if is_elsewhere {
                tasks.run_told("fetching layers from elsewhere".to_owned(), bring)?;
            } else {
                bring(&|_, _, _| {})?;
            }
            shared.keep(&built.diff_ids, &self.store)?;
        }
        Ok(())
    }

    /// Brings the blobs of layers that other caches are to have. Once an output is written it would be too late to find
    /// out that they cannot be had.
    pub(super) fn bring_for_caches(
        &self,
        options: &BuildOptions,
        steps: &Steps<'_>,
        cancel: &CancelToken,
    ) -> Result<(), BuildError> {
        for export in &options.cache_to {
            let is_there: Box<dyn Fn(&BlobDescriptor) -> bool + '_> = match &export.target {
                CacheTarget::Inline => continue,
                CacheTarget::Local { directory, .. } => {
                    let blobs = directory.join("blobs/sha256");
                    let length = move |name| blobs.join(name).metadata().ok().map(|found| found.len());
                    Box::new(move |blob| length(blob.digest.hex()) == Some(blob.size))
                }
                CacheTarget::Registry(reference) => self.has_remote(reference, cancel),
            };
            for layer in steps.selected(export.mode).1 {
                let Some(source) = self.snapshots.elsewhere(&layer.chain)? else { continue };
                if !is_there(source.blob()) {
                    self.snapshots.fetch_blob(&source, &|_, _, _| {}, cancel)?;
                }
                if let Some(diff_id) = layer.chain.last() {
                    self.snapshots.verify(diff_id, &source, cancel)?;
                }
            }
        }
        Ok(())
    }

    /// Writes the caches that are asked for.
    pub(super) fn write_caches(
        &self,
        options: &BuildOptions,
        steps: &Steps<'_>,
        watch: &Watch<'_>,
        cancel: &CancelToken,
    ) -> Result<(), BuildError> {
        for export in &options.cache_to {
            let outcome = match &export.target {
                CacheTarget::Inline => continue,
                CacheTarget::Local { directory, tag } => {
                    let name = format!("exporting cache to {}", directory.display());
                    watch.tasks.run(name, || self.write_local(export, steps, directory, tag, cancel))
                }
                CacheTarget::Registry(reference) => {
                    let name = format!("exporting cache to {reference}");
                    watch
                        .tasks
                        .run_told(name, |progress| self.write_registry(export, steps, reference, progress, cancel))
                }
            };
            match outcome {
                Err(error) if export.required || cancel.is_cancelled() => return Err(error),
                Err(error) => watch.warn(format!("the cache could not be written: {}", error.in_one_line())),
                Ok(()) => {}
            }
        }
        Ok(())
    }

    fn write_local(
        &self,
        export: &CacheExport,
        steps: &Steps<'_>,
        directory: &std::path::Path,
        tag: &str,
        cancel: &CancelToken,
    ) -> Result<(), BuildError> {
        let (document, layers) = steps.selected(export.mode);
        let mut blobs = LayerBlobs::new(&self.snapshots, export.form);
        let mut written = Vec::new();
        for layer in &layers {
            let (descriptor, content) = blobs.get(&layer.plain(), &layer.chain, cancel)?;
            written.push(CacheBlob { descriptor, content });
        }
        Ok(export::write_cache_layout(&self.snapshots, &document, &written, directory, tag, cancel)?)
    }
}

impl Builder {
    /// Who tells whether a registry has a blob. One that does not answer is told of when it is written to.
    #[cfg(feature = "registry")]
    fn has_remote<'r>(
        &'r self,
        target: &Reference,
        cancel: &'r CancelToken,
    ) -> Box<dyn Fn(&BlobDescriptor) -> bool + 'r> {
        let client = crate::registry::Client::to_push(target, &self.registry).ok();
        Box::new(move |blob| client.as_ref().is_none_or(|client| client.has_blob(&blob.digest, cancel).unwrap_or(true)))
    }

    #[cfg(not(feature = "registry"))]
    #[expect(clippy::unused_self, reason = "the other one needs it")]
    fn has_remote<'r>(&'r self, _: &Reference, _: &'r CancelToken) -> Box<dyn Fn(&BlobDescriptor) -> bool + 'r> {
        Box::new(|_| true)
    }

    #[cfg(feature = "registry")]
    fn write_registry(
        &self,
        export: &CacheExport,
        steps: &Steps<'_>,
        target: &Reference,
        progress: &BlobProgress<'_>,
        cancel: &CancelToken,
    ) -> Result<(), BuildError> {
        let (document, layers) = steps.selected(export.mode);
        let layers: Vec<_> = layers.into_iter().map(|layer| (layer.plain(), layer.chain)).collect();
        let cache = export::CacheToPush {
            document: &document,
            layers: &layers,
            form: export.form,
            target,
            options: &self.registry,
        };
        Ok(export::push_cache(&self.snapshots, &cache, progress, cancel)?)
    }

    #[cfg(not(feature = "registry"))]
    #[expect(clippy::unused_self, reason = "the other one needs it")]
    fn write_registry(
        &self,
        _: &CacheExport,
        _: &Steps<'_>,
        _: &Reference,
        _: &BlobProgress<'_>,
        _: &CancelToken,
    ) -> Result<(), BuildError> {
        Err(crate::source::SourceError::Unsupported("registries").into())
    }
}

/// The steps of a build, as a cache sees them.
pub(super) struct Steps<'s> {
    /// What each vertex left behind.
    pub(super) results: &'s [StepResult],
    /// What was built for each platform.
    pub(super) built: &'s [Built],
    /// No time in a cache is later than this, seconds since 1970.
    pub(super) epoch: Option<i64>,
}

/// A layer that a step made.
pub(super) struct StepChain {
    /// The layers up to it, bottom first.
    pub(super) chain: Vec<Digest>,
    size: u64,
}

impl StepChain {
    /// Its tar as a blob.
    pub(super) fn plain(&self) -> BlobDescriptor {
        let digest = self.chain.last().copied().unwrap_or_else(|| Digest::of(b""));
        BlobDescriptor { media_type: media_type::OCI_LAYER.to_owned(), digest, size: self.size }
    }
}

impl Steps<'_> {
    /// The document of a cache, and its layers in order.
    pub(super) fn selected(&self, mode: CacheMode) -> (CacheDocument, Vec<StepChain>) {
        let of_images: BTreeSet<&Digest> = self.built.iter().flat_map(|built| &built.diff_ids).collect();
        let mut layers: Vec<(SharedLayer, StepChain)> = Vec::new();
        let mut places: BTreeMap<Digest, usize> = BTreeMap::new();
        let mut records = BTreeMap::new();
        for result in self.results {
            let Some(layer) = &result.layer else { continue };
            if mode == CacheMode::Min && !of_images.contains(&layer.diff_id) {
                continue;
            }
            for key in result.keys.iter() {
                let place = *places.entry(layer.diff_id).or_insert_with(|| {
                    let content = Bytes32(layer.content.0);
                    let index = layers.len();
                    let shared = SharedLayer { index, diff_id: layer.diff_id, size: layer.size, content, blob: None };
                    layers.push((shared, StepChain { chain: result.diff_ids.to_vec(), size: layer.size }));
                    index
                });
                records.insert(
                    Bytes32(key.0),
                    SharedRecord { key: Bytes32(key.0), layer: place, created: self.clamped(layer.created) },
                );
            }
        }
        let (shared, chains) = layers.into_iter().unzip();
        (CacheDocument::new(shared, records.into_values().collect()), chains)
    }

    fn clamped(&self, created: (i64, u32)) -> (i64, u32) {
        match self.epoch {
            Some(epoch) if created.0 >= epoch => (epoch, 0),
            _ => created,
        }
    }

    /// The document of a cache inside of an image: of the steps whose layers are the image's own.
    pub(super) fn inline(&self, image: &[Digest]) -> CacheDocument {
        let (mut document, _) = self.selected(CacheMode::Max);
        let mut places: Vec<Option<usize>> = vec![None; document.layers.len()];
        let mut layers = Vec::new();
        for (old, mut layer) in std::mem::take(&mut document.layers).into_iter().enumerate() {
            let Some(index) = image.iter().position(|diff_id| *diff_id == layer.diff_id) else { continue };
            places[old] = Some(layers.len());
            layer.index = index;
            layers.push(layer);
        }
        let moved = |mut record: SharedRecord| {
            record.layer = places[record.layer]?;
            Some(record)
        };
        CacheDocument::new(layers, document.records.into_iter().filter_map(moved).collect())
    }
}

impl From<SnapshotError> for BuildErrorKind {
    fn from(error: SnapshotError) -> Self {
        ExportError::from(error).into()
    }
}
