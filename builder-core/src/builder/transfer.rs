//! Images between the store and registries.

use super::prepare::Tasks;
use super::{BuildError, Builder};
use crate::cancel::CancelToken;
use crate::digest::Digest;
use crate::event::EventSink;
use crate::export::{self, PushRequest, PushSummary};
use crate::image::ImageForm;
use crate::platform::Platform;
use crate::reference::Reference;
use crate::source;
use crate::store::{ImageRecord, damaged_blob};

/// For which platforms an image is pulled.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum PullPlatforms {
    /// For these and no other.
    Some(Vec<Platform>),
    /// For this machine's; an image that there is for one platform only is taken whatever that is.
    Usual,
    /// For all, with what is stated about them, byte for byte.
    All,
}

/// When the files of an image are laid out.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Unpack {
    /// At once: the first layer while the next one is on its way.
    Now,
    /// When a build or a run first looks into them.
    #[default]
    WhenNeeded,
}

/// An image that is ready for registries.
#[derive(Debug)]
pub struct ReadyToPush {
    image: export::PushImage,
    /// Holds the compressed layers.
    _compressed: Option<crate::image::Rendered>,
}

impl ReadyToPush {
    /// Returns the platform, where it is one image of an index whose other images are not all there.
    pub fn only(&self) -> Option<&Platform> {
        self.image.only.as_ref()
    }
}

/// An image that was pulled.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PullOutcome {
    /// What the reference stands for now: the digest of a manifest, or of an index.
    pub digest: Digest,
    /// Whether the store had it under this name already.
    pub was_there: bool,
}

impl Builder {
    /// Pulls an image into the store, verified; where it is for all platforms, its files wait until they are needed.
    ///
    /// # Errors
    /// [`super::BuildErrorKind::Source`].
    pub fn pull(
        &self,
        reference: &Reference,
        platforms: &PullPlatforms,
        unpack: Unpack,
        events: &dyn EventSink,
        cancel: &CancelToken,
    ) -> Result<PullOutcome, BuildError> {
        let _hold = self.store.hold();
        let tasks = Tasks::new(events);
        let _syncing = self.store.sync_settled()?;
        let before = self.store.image(reference)?.map(|image| image.manifest);
        let host = [Platform::host()];
        let (wanted, asked_for): (&[Platform], bool) = match platforms {
            PullPlatforms::Some(platforms) => (platforms, true),
            PullPlatforms::Usual | PullPlatforms::All => (&host, false),
        };
        let digest = match platforms {
            PullPlatforms::All => tasks.run_told(format!("pulling {reference}"), |progress| {
                let whole = source::fetch_whole(reference, &self.registry, &self.store, progress, cancel)?;
                Ok::<_, source::SourceError>(whole.manifest)
            })?,
            PullPlatforms::Some(_) | PullPlatforms::Usual => {
                let mut found = None;
                for platform in wanted {
                    let image = tasks.run(format!("load metadata for {reference} ({platform})"), || {
                        let image = source::resolve_remote(reference, platform, &self.registry, &self.store, cancel)?;
                        if asked_for { image.check_platform(platform).map(|()| image) } else { Ok(image) }
                    })?;
                    let is_there = match unpack {
                        Unpack::Now => source::is_fetched(&image, &self.snapshots)?,
                        Unpack::WhenNeeded => source::has_blobs(&image, &self.store)?,
                    };
                    if !is_there {
                        tasks.run_told(format!("pulling {reference} ({platform})"), |progress| match unpack {
                            Unpack::Now => source::fetch(&image, &self.snapshots, progress, cancel),
                            Unpack::WhenNeeded => source::fetch_blobs(&image, &self.store, progress, cancel),
                        })?;
                    }
                    found = Some(image.index.as_ref().map_or(image.manifest, |index| index.digest));
                }
                found.ok_or(super::OptionError::NoPlatform)?
            }
        };
        let after = self.store.image(reference)?.map(|image| image.manifest);
        Ok(PullOutcome { digest, was_there: before.is_some() && before == after })
    }

    /// Prepares an image of the store for registries. What came from one keeps its digest; layers that were made here
    /// are compressed as `form` says, in gzip where it says nothing.
    ///
    /// # Errors
    /// [`super::BuildErrorKind::Export`].
    pub fn prepare_push(
        &self,
        image: &ImageRecord,
        mut form: ImageForm,
        events: &dyn EventSink,
        cancel: &CancelToken,
    ) -> Result<ReadyToPush, BuildError> {
        form.compression.get_or_insert(crate::layer::compression::Compression::Gzip);
        let _hold = self.store.hold();
        self.complete(image, cancel)?;
        let prepare = || export::for_registry(&self.snapshots, image, form, cancel);
        let prepare = || Tasks::new(events).run("preparing layers".to_owned(), prepare);
        let (image, compressed) =
            self.snapshots.despite_damage(cancel, prepare, |error: &export::ExportError| damaged_blob(error))?;
        Ok(ReadyToPush { image, _compressed: compressed })
    }

    /// Pushes an image to where a name says.
    ///
    /// # Errors
    /// [`super::BuildErrorKind::Export`].
    pub fn push(
        &self,
        ready: &ReadyToPush,
        target: &Reference,
        events: &dyn EventSink,
        cancel: &CancelToken,
    ) -> Result<PushSummary, BuildError> {
        let request = PushRequest { target, by_digest: target.tag().is_none(), options: &self.registry };
        // The number of another task than that of the preparation.
        let tasks = Tasks::after(events, 1);
        let push = || -> Result<PushSummary, BuildError> {
            Ok(tasks.run_told(format!("pushing {target}"), |progress| {
                export::push(&ready.image, &request, &self.snapshots, progress, cancel)
            })?)
        };
        self.snapshots.despite_damage(cancel, push, |error: &BuildError| damaged_blob(error.kind()))
    }

    /// Returns how registries are reached.
    pub fn registry_options(&self) -> &crate::registry::RegistryOptions {
        &self.registry
    }
}
