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
    /// For these, ready to be built upon.
    Some(Vec<Platform>),
    /// For all, with what is stated about them, byte for byte.
    All,
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
    /// Pulls an image into the store.
    ///
    /// # Errors
    /// [`super::BuildErrorKind::Source`].
    pub fn pull(
        &self,
        reference: &Reference,
        platforms: &PullPlatforms,
        events: &dyn EventSink,
        cancel: &CancelToken,
    ) -> Result<PullOutcome, BuildError> {
        let tasks = Tasks::new(events);
        let before = self.store.image(reference)?.map(|image| image.manifest);
        let digest = match platforms {
            PullPlatforms::All => tasks.run_told(format!("pulling {reference}"), |progress| {
                let whole = source::fetch_whole(reference, &self.registry, &self.store, progress, cancel)?;
                Ok::<_, source::SourceError>(whole.manifest)
            })?,
            PullPlatforms::Some(platforms) => {
                let mut found = None;
                for platform in platforms {
                    let image = tasks.run(format!("load metadata for {reference} ({platform})"), || {
                        source::resolve_remote(reference, platform, &self.registry, &self.store, cancel)
                    })?;
                    if !source::is_fetched(&image, &self.snapshots)? {
                        tasks.run_told(format!("pulling {reference} ({platform})"), |progress| {
                            source::fetch(&image, &self.snapshots, progress, cancel)
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

    /// Pushes an image of the store to where its new name says. What came from a registry keeps its digest; layers
    /// that were made here are compressed as `form` says, in gzip where it says nothing.
    ///
    /// # Errors
    /// [`super::BuildErrorKind::Export`].
    pub fn push(
        &self,
        image: &ImageRecord,
        target: &Reference,
        form: ImageForm,
        events: &dyn EventSink,
        cancel: &CancelToken,
    ) -> Result<(PushSummary, Option<Platform>), BuildError> {
        let _hold = self.store.hold();
        let attempt = || self.push_once(image, target, form, events, cancel);
        self.snapshots.despite_damage(cancel, attempt, |error: &BuildError| damaged_blob(error.kind()))
    }

    fn push_once(
        &self,
        image: &ImageRecord,
        target: &Reference,
        mut form: ImageForm,
        events: &dyn EventSink,
        cancel: &CancelToken,
    ) -> Result<(PushSummary, Option<Platform>), BuildError> {
        self.complete(image, cancel)?;
        let tasks = Tasks::new(events);
        form.compression.get_or_insert(crate::layer::compression::Compression::Gzip);
        let (ready, _compressed) =
            tasks.run("preparing layers".to_owned(), || export::for_registry(&self.snapshots, image, form, cancel))?;
        let request = PushRequest { target, by_digest: target.tag().is_none(), options: &self.registry };
        let summary = tasks.run_told(format!("pushing {target}"), |progress| {
            export::push(&ready, &request, &self.snapshots, progress, cancel)
        })?;
        Ok((summary, ready.only))
    }

    /// Returns how registries are reached.
    pub fn registry_options(&self) -> &crate::registry::RegistryOptions {
        &self.registry
    }
}
