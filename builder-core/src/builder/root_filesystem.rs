//! Root filesystems of images out of the store and into it, and images side by side.

use std::io::{Read, Write};

use super::{BuildError, Builder};
use crate::cancel::CancelToken;
use crate::export::{self, RootFilesystem};
use crate::image::{self, ImageDiff};
use crate::platform::Platform;
use crate::source::{self, ImportRequest, LoadedImage, Resolved};
use crate::store::ImageRecord;

/// Where a root filesystem comes from.
pub enum ImportSource<'s> {
    /// A tar archive, in whatever compression.
    Archive(Box<dyn Read + Send + 's>),
    /// One that a web server has.
    #[cfg(feature = "registry")]
    Url(String),
}

impl std::fmt::Debug for ImportSource<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Archive(_) => f.write_str("Archive"),
            #[cfg(feature = "registry")]
            Self::Url(url) => f.debug_tuple("Url").field(&crate::remote::without_credentials(url)).finish(),
        }
    }
}

impl Builder {
    /// Writes the root filesystem of an image as a tar: what its layers show together, without whiteouts, in the
    /// order of names, the same bytes each time. Of an index it is the image for `platform`, without one that for
    /// this machine, else the first.
    ///
    /// # Errors
    /// [`super::BuildErrorKind::Source`], [`super::BuildErrorKind::Image`], [`super::BuildErrorKind::Export`].
    pub fn export_root(
        &self,
        image: &ImageRecord,
        platform: Option<&Platform>,
        out: &mut (dyn Write + Send),
        cancel: &CancelToken,
    ) -> Result<(), BuildError> {
        let _hold = self.store.hold();
        let resolved = self.unpacked(image, platform, cancel)?;
        let filesystem = RootFilesystem {
            directory: String::new(),
            shown: resolved.config.platform().to_string(),
            diff_ids: &resolved.config.rootfs.diff_ids,
            layers: &resolved.layers,
            files: Vec::new(),
        };
        Ok(export::write_tar(&self.snapshots, &[filesystem], None, out, cancel)?)
    }

    /// Makes an image of a root filesystem.
    ///
    /// # Errors
    /// [`super::BuildErrorKind::Source`].
    pub fn import_root(
        &self,
        from: ImportSource<'_>,
        request: &ImportRequest,
        events: &dyn crate::event::EventSink,
        cancel: &CancelToken,
    ) -> Result<LoadedImage, BuildError> {
        let _hold = self.store.hold();
        // Only what is downloaded can tell how far it is.
        #[cfg(not(feature = "registry"))]
        let _ = events;
        match from {
            ImportSource::Archive(reader) => Ok(source::import(request, reader, &self.snapshots, cancel)?),
            #[cfg(feature = "registry")]
            ImportSource::Url(url) => self.import_url(&url, request, events, cancel),
        }
    }

    #[cfg(feature = "registry")]
    fn import_url(
        &self,
        url: &str,
        request: &ImportRequest,
        events: &dyn crate::event::EventSink,
        cancel: &CancelToken,
    ) -> Result<LoadedImage, BuildError> {
        use crate::fs::PathContext;
        let nothing = (std::collections::BTreeMap::new(), std::collections::BTreeMap::new());
        let outside = source::Outside {
            store: &self.store,
            secrets: &nothing.0,
            ssh: &nothing.1,
            search_path: &self.host_search_path,
            registry: &self.registry,
            cancel,
        };
        let tasks = super::prepare::Tasks::new(events);
        let shown = crate::remote::without_credentials(url);
        let address = crate::remote::HttpSource::new(url);
        let fetched = tasks.run_measured(format!("downloading {shown}"), |progress| {
            source::http::fetch(&address, &outside, &|_| Ok(false), &|done, total| progress(&shown, done, total))
        })?;
        let Some((_work, path)) = &fetched.fetched else {
            return Err(source::SourceError::MissingFile(shown).into());
        };
        let file = std::fs::File::open(path).at("open", path)?;
        Ok(source::import(request, file, &self.snapshots, cancel)?)
    }

    /// Compares two images: files and configs.
    ///
    /// # Errors
    /// [`super::BuildErrorKind::Source`], [`super::BuildErrorKind::Image`].
    pub fn diff_images(
        &self,
        before: &ImageRecord,
        after: &ImageRecord,
        platform: Option<&Platform>,
        cancel: &CancelToken,
    ) -> Result<ImageDiff, BuildError> {
        let _hold = self.store.hold();
        let (before, after) = (self.unpacked(before, platform, cancel)?, self.unpacked(after, platform, cancel)?);
        let config = image::config_changes(&before.config, &after.config);
        let (first, second) = (&before.config.rootfs.diff_ids, &after.config.rootfs.diff_ids);
        if first == second {
            return Ok(ImageDiff { files: Vec::new(), config });
        }
        let view = |diff_ids| self.snapshots.view(diff_ids).map_err(image::ImageError::from);
        let left_out = |diff_ids| self.snapshots.left_out(diff_ids).map_err(image::ImageError::from);
        let (roots, nodes) = ([view(first)?, view(second)?], [left_out(first)?, left_out(second)?]);
        let files = image::file_changes((&roots[0], &roots[1]), [&nodes[0], &nodes[1]], cancel)?;
        Ok(ImageDiff { files, config })
    }

    /// Makes sure that the layers of an image are there as files.
    fn unpacked(
        &self,
        image: &ImageRecord,
        platform: Option<&Platform>,
        cancel: &CancelToken,
    ) -> Result<Resolved, BuildError> {
        let chosen = match platform {
            Some(platform) => platform.clone(),
            None => image::read(&self.store, image, &Platform::host())?.config.platform(),
        };
        let resolved = source::resolve_stored(&self.store, image, &chosen)?;
        if let Some(platform) = platform {
            resolved.check_platform(platform)?;
        }
        self.complete_for(image, &chosen, cancel)?;
        source::fetch(&resolved, &self.snapshots, &|_, _, _| {}, cancel)?;
        // Nobody takes them away while they are read.
        let _there = self.snapshots.has(&resolved.config.rootfs.diff_ids).map_err(image::ImageError::from)?;
        Ok(resolved)
    }
}
