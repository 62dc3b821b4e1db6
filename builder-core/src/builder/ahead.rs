//! Layers on their way into registries while later steps still run: compressed as soon as they are made, and sent.
//!
//! It is only ever ahead of the push that comes in the end, which finds the blobs there: what goes wrong here is for
//! that one to tell. Where the build fails, what is being sent is given up, and the registry told to forget it.

use std::collections::{BTreeMap, BTreeSet};

use super::prepare::{PlatformPlan, Tasks};
use super::{BuildError, BuildOptions, Builder};
use crate::cancel::CancelToken;
use crate::ids::VertexId;
use crate::image::CompressedLayers;
use crate::plan::op::ImageKey;
use crate::solve::Watcher;
use crate::source::Resolved;

/// What may be pushed ahead.
#[cfg_attr(not(feature = "registry"), expect(dead_code, reason = "without registries nothing is pushed"))]
pub(super) struct Request<'r> {
    pub(super) options: &'r BuildOptions,
    pub(super) plans: &'r [PlatformPlan],
    pub(super) images: &'r BTreeMap<ImageKey, Resolved>,
    pub(super) tasks: &'r Tasks<'r>,
    pub(super) cancel: &'r CancelToken,
}

impl Request<'_> {
    /// The steps whose layers the images will have.
    #[cfg_attr(not(feature = "registry"), expect(dead_code, reason = "without registries nothing is pushed"))]
    fn steps(&self) -> BTreeSet<VertexId> {
        self.plans.iter().flat_map(|plan| &plan.plan.history).filter_map(|entry| entry.vertex).collect()
    }

    /// The images that those to be made begin with.
    #[cfg_attr(not(feature = "registry"), expect(dead_code, reason = "without registries nothing is pushed"))]
    fn bases(&self) -> Vec<&Resolved> {
        let begins_with = |image: &&Resolved| {
            let own = &image.config.rootfs.diff_ids;
            self.plans.iter().any(|plan| !own.is_empty() && plan.plan.config.rootfs.diff_ids == *own)
        };
        self.images.values().filter(begins_with).collect()
    }
}

#[cfg(not(feature = "registry"))]
impl Builder {
    /// Runs the steps of a build.
    #[expect(clippy::unused_self, reason = "with registries it is used")]
    pub(super) fn push_ahead<T>(
        &self,
        _: &Request<'_>,
        solve: impl FnOnce(&Watcher<'_>) -> Result<T, BuildError>,
    ) -> Result<(T, CompressedLayers), BuildError> {
        Ok((solve(&|_, _| {})?, CompressedLayers::default()))
    }
}

#[cfg(feature = "registry")]
mod pushing {
    use std::collections::BTreeSet;
    use std::sync::mpsc::{Receiver, Sender, channel};
    use std::sync::{Mutex, PoisonError};

    use super::super::outputs::{compressed_form, is_only_pushed, names, pushed_through};
    use super::{
        BuildError, BuildOptions, Builder, CancelToken, CompressedLayers, Request, Resolved, VertexId, Watcher,
    };
    use crate::digest::Digest;
    use crate::export::ExportError;
    use crate::image::{CompressedLayer, Content, ImageForm, LayerBlobs};
    use crate::oci::{BlobDescriptor, media_type};
    use crate::registry::{Client, Upload, UploadContent};
    use crate::snapshot::Snapshots;
    use crate::solve::StepResult;

    /// Layers that are sent at the same time.
    const PARALLEL_LAYERS: usize = 2;

    /// A layer that is there.
    struct Made {
        /// The layers up to it, bottom first.
        chain: Vec<Digest>,
        /// What it is as a blob, in the form that it came in.
        known: BlobDescriptor,
    }

    impl Made {
        /// The layer that a step made.
        fn by_step(result: &StepResult) -> Option<Self> {
            let (layer, chain) = (result.layer.as_ref()?, result.diff_ids.to_vec());
            let media_type = media_type::OCI_LAYER.to_owned();
            let known = BlobDescriptor { media_type, digest: *chain.last()?, size: layer.size };
            Some(Self { chain, known })
        }

        /// The layers of an image, bottom first.
        fn of_image(image: &Resolved) -> impl Iterator<Item = Self> {
            let chains = (1..).map(|length| image.config.rootfs.diff_ids.get(..length).map(<[Digest]>::to_vec));
            chains.zip(&image.layers).filter_map(|(chain, known)| Some(Self { chain: chain?, known: known.clone() }))
        }
    }

    /// A repository that layers are sent to, and their form there.
    struct Target {
        client: Client,
        form: ImageForm,
        /// Whether the image is kept here, too: then its layers are needed whatever the registry has.
        kept: bool,
    }

    /// A layer that is compressed, and the targets that get it, by number.
    struct Ready {
        upload: Upload,
        targets: Vec<usize>,
    }

    /// Ends everything where the steps failed, and lets it end where they did not.
    struct Steps<'s> {
        made: Mutex<Option<Sender<Made>>>,
        cancel: &'s CancelToken,
        succeeded: bool,
    }

    impl Drop for Steps<'_> {
        fn drop(&mut self) {
            if !self.succeeded {
                self.cancel.cancel();
            }
            self.made.lock().unwrap_or_else(PoisonError::into_inner).take();
        }
    }

    impl Builder {
        /// Runs the steps of a build, and sends the layers that they make to where outputs push them. What was
        /// compressed is returned with what came of the steps.
        pub(in crate::builder) fn push_ahead<T>(
            &self,
            request: &Request<'_>,
            solve: impl FnOnce(&Watcher<'_>) -> Result<T, BuildError>,
        ) -> Result<(T, CompressedLayers), BuildError> {
            let compressed = CompressedLayers::default();
            let targets = self.targets(request.options);
            if targets.is_empty() {
                return Ok((solve(&|_, _| {})?, compressed));
            }
            let (together, wanted, bases) = (request.cancel.child(), request.steps(), request.bases());
            let ((made, layers), (ready, uploads)) = (channel(), channel());
            let outcome = std::thread::scope(|scope| {
                let (targets, together) = (&targets, &together);
                let of_layers = (&self.snapshots, &compressed);
                // The ends of the channels go with their threads.
                scope.spawn(move || {
                    // What is wrong with a layer shows again, and is told, when the image is put together.
                    let _ = compress(of_layers, targets, layers, &ready, together);
                });
                scope.spawn(move || self.send(request, targets, uploads, together));
                let mut steps = Steps { made: Mutex::new(Some(made)), cancel: together, succeeded: false };
                let outcome = solve(&|id: VertexId, result: &StepResult| {
                    let is_base = |image: &&&Resolved| image.config.rootfs.diff_ids[..] == result.diff_ids[..];
                    let base = bases.iter().find(is_base).filter(|_| result.layer.is_none());
                    let of_base = base.into_iter().flat_map(|image| Made::of_image(image));
                    let own = wanted.contains(&id).then(|| Made::by_step(result)).flatten();
                    if let Some(sender) = &*steps.made.lock().unwrap_or_else(PoisonError::into_inner) {
                        for made in of_base.chain(own) {
                            // Nobody takes them any more where something went wrong.
                            let _ = sender.send(made);
                        }
                    }
                });
                steps.succeeded = outcome.is_ok();
                drop(steps);
                outcome
            })?;
            Ok((outcome, compressed))
        }

        /// The repositories that outputs push to; those that cannot be asked are for the push to tell of.
        fn targets(&self, options: &BuildOptions) -> Vec<Target> {
            let mut targets: Vec<Target> = Vec::new();
            for output in options.outputs.iter().filter(|output| output.push.is_some()) {
                let form = compressed_form(output);
                for name in names(options, output) {
                    let kept = !is_only_pushed(output);
                    let is_known = |target: &&mut Target| {
                        let known = target.client.reference();
                        (known.domain(), known.path(), target.form) == (name.domain(), name.path(), form)
                    };
                    if let Some(known) = targets.iter_mut().find(is_known) {
                        known.kept |= kept;
                        continue;
                    }
                    let registry = pushed_through(&self.registry, output, &name);
                    let client = Client::to_push(&name, &registry).ok();
                    targets.extend(client.map(|client| Target { client, form, kept }));
                }
            }
            targets
        }

        /// Sends layers as they come, and shows it as a task from the first one on.
        fn send(&self, request: &Request<'_>, targets: &[Target], uploads: Receiver<Ready>, cancel: &CancelToken) {
            let Ok(first) = uploads.recv() else { return };
            let queue = Mutex::new((Some(first), uploads));
            // The push in the end tells what went wrong.
            let _ = request.tasks.run_told("pushing layers".to_owned(), |progress| {
                let failure = Mutex::new(None);
                let together = cancel.child();
                let work = || {
                    loop {
                        let next = {
                            let mut queue = queue.lock().unwrap_or_else(PoisonError::into_inner);
                            queue.0.take().or_else(|| queue.1.recv().ok())
                        };
                        let Some(ready) = next else { return };
                        for target in &ready.targets {
                            if let Err(error) = self.send_one(&targets[*target], &ready.upload, progress, &together) {
                                failure.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
                                together.cancel();
                                return;
                            }
                        }
                    }
                };
                std::thread::scope(|scope| {
                    for _ in 1..PARALLEL_LAYERS {
                        scope.spawn(work);
                    }
                    work();
                });
                failure.into_inner().unwrap_or_else(PoisonError::into_inner).map_or(Ok(()), Err)
            });
        }

        fn send_one(
            &self,
            target: &Target,
            upload: &Upload,
            progress: &(dyn Fn(&Digest, u64, u64) + Sync),
            cancel: &CancelToken,
        ) -> Result<(), ExportError> {
            let (domain, repository) = (target.client.reference().domain(), target.client.reference().path());
            let mut upload = upload.clone();
            upload.sources = self.store.repositories_with(&upload.digest, domain, 2)?;
            upload.sources.retain(|source| source != repository);
            let size = upload.size;
            target.client.push_blob(&upload, &|sent| progress(&upload.digest, sent, size), cancel)?;
            progress(&upload.digest, size, size);
            // Another repository of the same registry takes it from this one.
            Ok(self.store.note_whereabouts(domain, repository, &[upload.digest])?)
        }
    }

    /// A form that layers are sent in.
    struct Form<'s> {
        wanted: ImageForm,
        blobs: LayerBlobs<'s>,
        /// Who wants them, by number.
        targets: Vec<usize>,
        /// Whether one of them keeps the image here.
        kept: bool,
    }

    impl Form<'_> {
        /// Tells whether a layer is to be brought into the form before the image is complete.
        fn is_for_here(&self, made: &Made, snapshots: &Snapshots) -> Result<bool, ExportError> {
            let is_plain = made.chain.last() == Some(&made.known.digest);
            // What came in another form is brought into this one when the image is put together, if at all.
            if !is_plain {
                return Ok(!self.wanted.force);
            }
            // The push asks the registry for what is known by its name before it is made.
            let name = snapshots.store().layer_form(&made.known.digest, &self.blobs.form_name())?;
            Ok(self.kept || name.is_none())
        }
    }

    /// Compresses layers in every form that a target wants, each once.
    fn compress(
        (snapshots, compressed): (&Snapshots, &CompressedLayers),
        targets: &[Target],
        layers: Receiver<Made>,
        ready: &Sender<Ready>,
        cancel: &CancelToken,
    ) -> Result<(), ExportError> {
        let mut forms: Vec<Form<'_>> = Vec::new();
        for (number, target) in targets.iter().enumerate() {
            match forms.iter_mut().find(|form| form.wanted == target.form) {
                Some(form) => {
                    form.targets.push(number);
                    form.kept |= target.kept;
                }
                None => forms.push(Form {
                    wanted: target.form,
                    blobs: LayerBlobs::new(snapshots, target.form),
                    targets: vec![number],
                    kept: target.kept,
                }),
            }
        }
        let mut seen = BTreeSet::new();
        let mut one = |made: Made| -> Result<(), ExportError> {
            let Some(diff_id) = made.chain.last().filter(|diff_id| seen.insert(**diff_id)) else { return Ok(()) };
            // What a shared cache has, and nobody needed here, may be where it goes to.
            if snapshots.elsewhere(&made.chain)?.is_some() {
                return Ok(());
            }
            for form in &mut forms {
                if !form.is_for_here(&made, snapshots)? {
                    continue;
                }
                let (descriptor, content) = form.blobs.get(&made.known, &made.chain, cancel)?;
                let (digest, size) = (descriptor.digest, descriptor.size);
                let store = snapshots.store();
                let path = match content {
                    Content::File(path, _) => {
                        let layer = CompressedLayer { digest, size, path: Some(path.clone()) };
                        compressed.note(*diff_id, &form.blobs.form_name(), layer);
                        path
                    }
                    Content::Stored { size, .. } if store.has_whole_blob(&digest, size) => store.blob_path(&digest),
                    Content::Stored { chain, .. } if digest == *diff_id => {
                        snapshots.ensure_blob(&chain, cancel)?;
                        store.blob_path(&digest)
                    }
                    Content::Stored { .. } | Content::Bytes(_) => continue,
                };
                let upload = Upload { digest, size, content: UploadContent::File(path), sources: Vec::new() };
                // Who sends them may have given up; they are needed compressed all the same.
                let _ = ready.send(Ready { upload, targets: form.targets.clone() });
            }
            Ok(())
        };
        let outcome = layers.into_iter().try_for_each(&mut one);
        for form in forms {
            compressed.keep(form.blobs.into_work());
        }
        outcome
    }
}
