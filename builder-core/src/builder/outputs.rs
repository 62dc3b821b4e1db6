//! Writes what `--output` asks for.

use std::collections::BTreeSet;
use std::io::Write;
use std::path::Path;

use super::build::Built;
use super::prepare::{PlatformPlan, Tasks};
use super::{BuildError, BuildOptions, Builder, ExportTarget, OptionError, Output, OutputKind};
use crate::cancel::CancelToken;
use crate::digest::Digest;
use crate::export::{self, ExportError, ExportImage, Format, RootFilesystem};
use crate::ids::VertexId;
use crate::image::{
    self, Annotation, Attestation, CompressedLayers, Descriptor, ImageError, ImageForm, ImageParts, ImageSet,
    LayerBlobs, Rendered, WrittenLayers,
};
use crate::layer::compression::Compression;
use crate::reference::Reference;
use crate::store::Owner;

/// What a build made, for all platforms.
pub(super) struct Results {
    /// One for each platform, in the order asked for.
    pub(super) built: Vec<Built>,
    /// Whether the result is an index.
    pub(super) index: bool,
    /// The time of everything, seconds since 1970, where one was given.
    pub(super) epoch: Option<i64>,
    /// Layers that were compressed while later steps ran.
    pub(super) compressed: CompressedLayers,
}

/// The image that an outcome speaks of.
pub(super) struct Written {
    pub(super) descriptor: Descriptor,
    pub(super) id: Digest,
    pub(super) config: Option<Digest>,
    pub(super) names: Vec<String>,
}

impl Written {
    fn of(image: &Rendered, names: Vec<String>) -> Self {
        let config = if image.is_index { None } else { image.images.first().map(|image| image.config) };
        Self { descriptor: image.descriptor.clone(), id: image.id(), config, names }
    }
}

/// Returns the steps whose layers the store will have as blobs, and those whose files an output reads.
pub(super) fn uses(options: &BuildOptions, plans: &[PlatformPlan]) -> (BTreeSet<VertexId>, BTreeSet<VertexId>) {
    let outputs = || options.outputs.iter();
    let reads = outputs().any(|output| matches!(output.kind, OutputKind::Tar | OutputKind::Local));
    let mut images = outputs().filter(|output| output.kind == OutputKind::Image).peekable();
    // What is compressed for the store is made of the files.
    let named = match images.peek() {
        None => !options.tags.is_empty(),
        Some(_) => images.any(|output| {
            let names = !(options.tags.is_empty() && output.names.is_empty() && output.dangling_prefix.is_none());
            names && output.store && output.form.compression.is_none()
        }),
    };
    let of = |wanted: bool| {
        let layers =
            |plan: &PlatformPlan| plan.plan.history.iter().filter_map(|entry| entry.vertex).collect::<Vec<_>>();
        plans.iter().filter(|_| wanted).flat_map(layers).collect()
    };
    (of(named), of(reads))
}

/// The tags, and the names of an output, each once.
pub(super) fn names(options: &BuildOptions, output: &Output) -> Vec<Reference> {
    let mut names: Vec<Reference> = Vec::new();
    for name in options.tags.iter().chain(&output.names) {
        if !names.contains(name) {
            names.push(name.clone());
        }
    }
    names
}

/// The form in which an output is pushed, or written into an archive or a layout.
pub(super) fn compressed_form(output: &Output) -> ImageForm {
    let mut form = output.form;
    form.compression.get_or_insert(Compression::Gzip);
    form
}

/// Tells whether an output leaves nothing here.
#[cfg(feature = "registry")]
pub(super) fn is_only_pushed(output: &Output) -> bool {
    output.push.is_some() && !output.store
}

/// How the registry of a name is reached by an output.
#[cfg(feature = "registry")]
pub(super) fn pushed_through(
    registry: &crate::registry::RegistryOptions,
    output: &Output,
    name: &Reference,
) -> crate::registry::RegistryOptions {
    let is_insecure = output.push.is_some_and(|push| push.insecure);
    registry.insecure_for(is_insecure.then(|| name.domain()))
}

/// Where bytes go that cannot be taken back.
pub(super) struct Streams<'s> {
    /// Taken by the output that it is for.
    pub(super) stdout: Option<&'s mut (dyn Write + Send)>,
    /// Whether any of them has got something.
    pub(super) begun: bool,
}

/// One run over the outputs.
struct Writer<'w> {
    builder: &'w Builder,
    options: &'w BuildOptions,
    results: &'w Results,
    parts: Vec<ImageParts>,
    cancel: &'w CancelToken,
    written: Option<Written>,
    /// The image that is pushed next.
    to_push: Option<Rendered>,
}

impl Builder {
    /// Writes every output, and the image into the store where that is asked for: without outputs, with an output of
    /// an image, and with tags.
    pub(super) fn write_outputs(
        &self,
        options: &BuildOptions,
        results: &Results,
        tasks: &Tasks<'_>,
        streams: &mut Streams<'_>,
        cancel: &CancelToken,
    ) -> Result<Written, BuildError> {
        let parts = results.built.iter().map(|built| built.image.clone()).collect();
        let mut writer = Writer { builder: self, options, results, parts, cancel, written: None, to_push: None };
        let has_image = options.outputs.iter().any(|output| output.kind == OutputKind::Image);
        if options.outputs.is_empty() || (!has_image && !options.tags.is_empty()) {
            let native = Output::new(OutputKind::Image, ExportTarget::Store);
            tasks.run("exporting to image".to_owned(), || writer.image(&native))?;
        }
        for output in options.outputs.iter().filter(|output| output.push.is_some()) {
            if writer.names(output).is_empty() {
                return Err(OptionError::PushWithoutName.into());
            }
        }
        for output in &options.outputs {
            let (kind, name) = match output.kind {
                OutputKind::CacheOnly => continue,
                OutputKind::Image => ("image", "exporting to image"),
                OutputKind::Oci => ("oci", "exporting to oci image format"),
                OutputKind::Docker => ("docker", "exporting to docker image format"),
                OutputKind::Tar => ("tar", "exporting to tar"),
                OutputKind::Local => ("local", "exporting to client directory"),
            };
            tasks.run(name.to_owned(), || match &output.target {
                _ if output.kind == OutputKind::Image => writer.image(output),
                ExportTarget::Store => Err(OptionError::MissingDestination(kind).into()),
                ExportTarget::Path(path) if output.kind == OutputKind::Local => writer.directory(output, path),
                ExportTarget::Path(path) if output.directory && output.kind != OutputKind::Tar => {
                    let images = [writer.export_image(output)?];
                    Ok(export::write_layout(&self.snapshots, &images, format(output), path, cancel)?)
                }
                ExportTarget::Path(path) if export::is_stream(path) => {
                    let image = writer.verified(output)?;
                    export::write_file(path, cancel, |out| {
                        streams.begun = true;
                        writer.stream(output, image, out)
                    })
                }
                ExportTarget::Path(path) => export::write_file(path, cancel, |target| writer.file(output, target)),
                ExportTarget::Stdout => {
                    let image = writer.verified(output)?;
                    let out = streams.stdout.take().ok_or(OptionError::StandardOutput)?;
                    streams.begun = true;
                    writer.stream(output, image, out)
                }
            })?;
            writer.push(output, tasks)?;
        }
        if let Some(written) = writer.written.take() {
            return Ok(written);
        }
        let image = writer.render(&[], ImageForm::default(), None, None)?;
        Ok(Written::of(&image, Vec::new()))
    }

    /// Who gets the files of a directory: an ordinary user could neither read nor remove what belongs to the
    /// user's subordinate ids. Inside of the namespace that user is root.
    fn owner_of_files(&self) -> Option<(u32, u32)> {
        matches!(self.owner, Owner::Rootless { uid } if uid != 0).then_some((0, 0))
    }
}

impl Writer<'_> {
    /// Calls `use_it` with what is to be rendered for an output.
    fn with_set<T>(
        &self,
        names: &[String],
        output: Option<&Output>,
        use_it: impl FnOnce(&ImageSet<'_>) -> Result<T, ImageError>,
    ) -> Result<T, BuildError> {
        let more = output.map(|output| &*output.annotations).unwrap_or_default();
        let annotations: Vec<Annotation> = self.options.annotations.iter().chain(more).cloned().collect();
        let rewritten = output.is_some_and(|output| output.rewrite_timestamp);
        Ok(use_it(&ImageSet {
            images: &self.parts,
            index: self.results.index,
            index_annotations: &std::collections::BTreeMap::new(),
            annotations: &annotations,
            rewritten_to: self.results.epoch.filter(|_| rewritten),
            names,
        })?)
    }

    /// Renders the image for an output; layers that are `written` are where it goes.
    fn render(
        &self,
        names: &[String],
        form: ImageForm,
        output: Option<&Output>,
        written: Option<&WrittenLayers>,
    ) -> Result<Rendered, BuildError> {
        let (snapshots, compressed, cancel) = (&self.builder.snapshots, &self.results.compressed, self.cancel);
        self.with_set(names, output, |set| {
            if let Some(written) = written {
                return image::render_written(snapshots, set, form, (compressed, written), cancel);
            }
            // What is only pushed need not be here where the registry has it.
            #[cfg(feature = "registry")]
            if output.is_some_and(is_only_pushed) {
                return image::render_by_name(snapshots, set, form, compressed, cancel);
            }
            image::render_with(snapshots, set, form, compressed, cancel)
        })
    }

    /// Whether every layer is here, as files or as the blob that it is elsewhere.
    fn is_here(&self) -> Result<bool, BuildError> {
        let snapshots = &self.builder.snapshots;
        for built in &self.results.built {
            for length in 1..=built.diff_ids.len() {
                let source = snapshots.elsewhere(built.diff_ids.get(..length).unwrap_or_default())?;
                if source.is_some_and(|source| !self.builder.store.has_blob(&source.blob().digest)) {
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }

    fn names(&self, output: &Output) -> Vec<Reference> {
        names(self.options, output)
    }

    /// The first output with an image is the one that the outcome speaks of; one in the store wins.
    fn remember(&mut self, written: Written, stored: bool) {
        if self.written.is_none() || (stored && self.written.as_ref().is_some_and(|known| known.names.is_empty())) {
            self.written = Some(written);
        }
    }

    fn image(&mut self, output: &Output) -> Result<(), BuildError> {
        let mut names: Vec<String> = self.names(output).iter().map(ToString::to_string).collect();
        let form = if output.push.is_some() { compressed_form(output) } else { output.form };
        let image = self.render(&names, form, Some(output), None)?;
        let digest = image.descriptor.digest;
        if let (Some(prefix), true) = (&output.dangling_prefix, names.is_empty()) {
            let name = format!("{prefix}@{digest}").parse::<Reference>().map_err(OptionError::from)?;
            names.push(name.to_string());
        }
        if output.canonical_names {
            let canonical: Vec<String> =
                names.iter().filter(|name| !name.contains('@')).map(|name| format!("{name}@{digest}")).collect();
            names.extend(canonical);
        }
        let pushed = output.push.is_some();
        // What has a name in the store is complete; an image that is pushed may have layers that nobody needed here.
        if output.store && (!pushed || self.is_here()?) {
            image::write(&self.builder.snapshots, &image, &names, self.cancel)?;
            for built in self.results.built.iter().filter(|_| names.is_empty()) {
                self.builder.snapshots.note_origins(&built.diff_ids)?;
            }
        } else if !output.store {
            names.clear();
        }
        self.remember(Written::of(&image, names), output.store || pushed);
        self.to_push = pushed.then_some(image);
        Ok(())
    }

    /// Pushes the image of an output under each of its names.
    #[cfg(feature = "registry")]
    fn push(&mut self, output: &Output, tasks: &Tasks<'_>) -> Result<(), BuildError> {
        let (Some(push), Some(image)) = (output.push, self.to_push.take()) else { return Ok(()) };
        let form = compressed_form(output);
        let image = export::PushImage::rendered(&self.builder.snapshots, &image, form, self.cancel)?;
        for name in self.names(output) {
            let registry = pushed_through(&self.builder.registry, output, &name);
            let request = export::PushRequest { target: &name, by_digest: push.by_digest, options: &registry };
            tasks.run_told(format!("pushing {name}"), |progress| {
                export::push(&image, &request, &self.builder.snapshots, progress, self.cancel)
            })?;
        }
        Ok(())
    }

    #[cfg(not(feature = "registry"))]
    #[expect(clippy::unused_self, reason = "the image is what the other one pushes")]
    fn push(&mut self, output: &Output, _: &Tasks<'_>) -> Result<(), BuildError> {
        if output.push.is_some() { Err(OptionError::NoRegistry.into()) } else { Ok(()) }
    }

    fn check(&self, output: &Output) -> Result<(), BuildError> {
        if output.kind == OutputKind::Docker && (self.parts.len() > 1 || self.results.index) {
            return Err(ExportError::DockerIndex.into());
        }
        self.with_set(&[], Some(output), image::check)
    }

    fn rendered(&self, output: &Output, written: Option<&WrittenLayers>) -> Result<ExportImage, BuildError> {
        self.check(output)?;
        let names = self.names(output);
        let shown: Vec<String> = names.iter().map(ToString::to_string).collect();
        let image = self.render(&shown, compressed_form(output), Some(output), written)?;
        Ok(ExportImage { image, names })
    }

    fn export_image(&mut self, output: &Output) -> Result<ExportImage, BuildError> {
        let image = self.rendered(output, None)?;
        self.remember(Written::of(&image.image, Vec::new()), false);
        Ok(image)
    }

    /// Makes an image, if that is what is written, and reads the blobs that a stream is made of: once it has begun,
    /// nothing can be mended.
    fn verified(&mut self, output: &Output) -> Result<Option<ExportImage>, BuildError> {
        if output.kind == OutputKind::Tar {
            return Ok(None);
        }
        let image = self.export_image(output)?;
        export::verify_blobs(&self.builder.snapshots, std::slice::from_ref(&image), self.cancel)?;
        Ok(Some(image))
    }

    fn stream(
        &self,
        output: &Output,
        image: Option<ExportImage>,
        out: &mut (dyn Write + Send),
    ) -> Result<(), BuildError> {
        match image {
            Some(image) => self.archive(output, image, out),
            None => self.tar(output, out),
        }
    }

    /// Writes what goes into one file. Where that can be, layers are compressed straight into it.
    fn file(&mut self, output: &Output, target: &mut export::Target<'_>) -> Result<(), BuildError> {
        if output.kind == OutputKind::Tar {
            return self.tar(output, target);
        }
        let form = compressed_form(output);
        let file = target.in_place().map_err(ExportError::Write)?;
        let Some(file) = file.filter(|_| !form.keep_manifests) else {
            let image = self.export_image(output)?;
            return self.archive(output, image, target);
        };
        self.check(output)?;
        let snapshots = &self.builder.snapshots;
        let blobs = LayerBlobs::new(snapshots, form).with_compressed(&self.results.compressed);
        let mut outcome = None;
        let render = |written: &WrittenLayers| -> Result<ExportImage, BuildError> {
            let image = self.rendered(output, Some(written))?;
            outcome = Some(Written::of(&image.image, Vec::new()));
            Ok(image)
        };
        let kind = (format(output), self.results.epoch.unwrap_or(0));
        export::write_in_place((snapshots, file), &self.parts, &blobs, kind, render, self.cancel)?;
        if let Some(written) = outcome {
            self.remember(written, false);
        }
        Ok(())
    }

    fn archive(&self, output: &Output, image: ExportImage, out: &mut (dyn Write + Send)) -> Result<(), BuildError> {
        let (snapshots, time) = (&self.builder.snapshots, self.results.epoch.unwrap_or(0));
        let written = export::write_archive(snapshots, &[image], format(output), time, out, &|_, _, _| {}, self.cancel);
        Ok(written?)
    }

    fn tar(&self, output: &Output, out: &mut (dyn Write + Send)) -> Result<(), BuildError> {
        let filesystems = self.filesystems(output)?;
        Ok(export::write_tar(&self.builder.snapshots, &filesystems, self.results.epoch, out, self.cancel)?)
    }

    fn directory(&mut self, output: &Output, path: &Path) -> Result<(), BuildError> {
        let filesystems = self.filesystems(output)?;
        let owner = self.builder.owner_of_files();
        let (snapshots, epoch) = (&self.builder.snapshots, self.results.epoch);
        Ok(export::write_directory(snapshots, &filesystems, epoch, owner, output.mirror, path, self.cancel)?)
    }

    /// The root filesystems of an output, each in its place, with the statements about it.
    fn filesystems(&self, output: &Output) -> Result<Vec<RootFilesystem<'_>>, BuildError> {
        let built = &self.results.built;
        let split = output.platform_split.unwrap_or(built.len() > 1);
        let mut filesystems: Vec<RootFilesystem<'_>> = Vec::new();
        for built in built {
            let platform = &built.image.platform;
            let mut filesystem = RootFilesystem {
                directory: if split { platform.directory_name() } else { String::new() },
                shown: platform.to_string(),
                diff_ids: &built.diff_ids,
                layers: &built.image.layers,
                files: Vec::new(),
            };
            filesystem.files = self.statements(output, built, &filesystem)?;
            if let (false, [first, ..], [(name, _), ..]) = (split, &filesystems[..], &filesystem.files[..])
                && !first.files.is_empty()
            {
                return Err(ExportError::DuplicateStatement(name.clone()).into());
            }
            filesystems.push(filesystem);
        }
        if !split && filesystems.len() > 1 {
            export::check_merge(&self.builder.snapshots, &filesystems, self.cancel)?;
        }
        Ok(filesystems)
    }

    /// The statements about a root filesystem: its subjects are the files (dockerfile-semantics 13.4).
    fn statements(
        &self,
        output: &Output,
        built: &Built,
        filesystem: &RootFilesystem<'_>,
    ) -> Result<Vec<(String, Vec<u8>)>, BuildError> {
        let Some(provenance) = self.options.provenance.as_ref().filter(|provenance| !provenance.inline_only) else {
            return Ok(Vec::new());
        };
        let listed = export::list(&self.builder.snapshots, std::slice::from_ref(filesystem), self.cancel)?;
        let is_file = |kind: u8| kind == b'0';
        let strip = Path::new(&filesystem.directory);
        let subjects: Vec<(String, Digest)> = listed
            .iter()
            .filter(|(_, file)| is_file(file.kind))
            .map(|(path, file)| (path.strip_prefix(strip).unwrap_or(path).display().to_string(), file.digest))
            .collect();
        let mut files = Vec::new();
        for attestation in &built.image.attestations {
            if let Attestation::New { predicate_type, predicate } = attestation {
                let name = format!("{}{}", output.attestation_prefix, provenance.file_name());
                files.push((name, image::statement(predicate_type, predicate, &subjects)?));
            }
        }
        Ok(files)
    }
}

fn format(output: &Output) -> Format {
    if output.kind == OutputKind::Docker { Format::Docker } else { Format::Oci }
}
