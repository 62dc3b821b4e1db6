//! The front door: options in, outcome out.
//!
//! ```no_run
//! use builder_core::builder::{BuildOptions, Builder, BuilderOptions, ContextSource};
//! use builder_core::cancel::CancelToken;
//! use builder_core::event::NullSink;
//! use builder_core::store::Owner;
//!
//! let builder = Builder::open(BuilderOptions::new("/var/lib/builder".into(), Owner::Root))?;
//! let options = BuildOptions::new(ContextSource::Directory(".".into()));
//! let outcome = builder.build(&options, &NullSink, &CancelToken::new(), None)?;
//! assert_eq!(outcome.steps_run + outcome.steps_cached, 3);
//! # Ok::<(), builder_core::builder::BuildError>(())
//! ```

mod ahead;
mod attempt;
mod build;
#[cfg(feature = "lint")]
mod check;
#[cfg(feature = "lint")]
mod checks;
mod completion;
#[cfg(feature = "lint")]
mod context_directory;
mod error;
mod images;
#[cfg(feature = "lint")]
mod lint;
#[cfg(feature = "registry")]
mod lists;
mod options;
mod origin;
mod outcome;
mod outputs;
mod platforms;
mod prepare;
mod provenance;
mod remote;
mod root_filesystem;
mod shared_cache;
mod shelf;
mod syntax;
mod timeline;
#[cfg(feature = "registry")]
mod transfer;
mod trial;

use std::path::PathBuf;

#[cfg(feature = "lint")]
pub use self::check::{CheckReport, CheckedError};
#[cfg(feature = "lint")]
pub use self::checks::CheckScope;
#[cfg(feature = "lint")]
pub use self::context_directory::ContextDirectory;
#[cfg(feature = "lint")]
pub use self::lint::BuildLint;
#[cfg(feature = "registry")]
pub use self::lists::{CreatedList, ListError};
pub use crate::layer::compression::Compression;
pub use error::{BuildError, BuildErrorKind, ErrorCategory, OptionError};
pub use images::{RemoveError, Removed};
pub use options::{
    BuildOptions, ContextSource, DockerfileSource, ExportTarget, NamedContextSource, Output, OutputKind, PullPolicy,
    PushOutput,
};
pub use outcome::BuildOutcome;
pub use prepare::Tasks;
pub use provenance::{Provenance, ProvenanceMode, ProvenanceVersion};
pub use root_filesystem::ImportSource;
pub use shared_cache::{CacheExport, CacheMode, CacheTarget};
#[cfg(feature = "registry")]
pub use transfer::{PullOutcome, PullPlatforms, ReadyToPush, Unpack};
pub use trial::{MemoryDirectory, Trial, TrialError, Volume};

use crate::cancel::CancelToken;
use crate::reference::Reference;
use crate::snapshot::Snapshots;
use crate::store::{ImageRecord, Owner, Store, StoreOptions};

/// Where a builder works, and as whom.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct BuilderOptions {
    /// The store's directory.
    pub root: PathBuf,
    /// Who works on it.
    pub owner: Owner,
    /// Directories in which the programs of `host:` contexts are looked up.
    pub host_search_path: Vec<PathBuf>,
    /// How registries are reached.
    #[cfg(feature = "registry")]
    pub registry: crate::registry::RegistryOptions,
}

impl BuilderOptions {
    /// Makes options with the usual directories for programs.
    pub fn new(root: PathBuf, owner: Owner) -> Self {
        let usual = ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"];
        Self {
            root,
            owner,
            host_search_path: usual.map(PathBuf::from).to_vec(),
            #[cfg(feature = "registry")]
            registry: crate::registry::RegistryOptions::default(),
        }
    }
}

/// A store that builds can be run on.
#[derive(Clone, Debug)]
pub struct Builder {
    store: Store,
    snapshots: Snapshots,
    owner: Owner,
    host_search_path: Vec<PathBuf>,
    #[cfg(feature = "registry")]
    registry: crate::registry::RegistryOptions,
}

impl Builder {
    /// Opens the store, or makes it.
    ///
    /// # Errors
    /// [`BuildErrorKind::Store`].
    pub fn open(options: BuilderOptions) -> Result<Self, BuildError> {
        let store = Store::open(&StoreOptions { root: options.root, owner: options.owner })?;
        let snapshots = Snapshots::new(store.clone(), options.owner.overlay_flavor());
        snapshots.examine_suspects().map_err(crate::image::ImageError::from).map_err(BuildErrorKind::from)?;
        Ok(Self {
            store,
            snapshots,
            owner: options.owner,
            host_search_path: options.host_search_path,
            #[cfg(feature = "registry")]
            registry: options.registry,
        })
    }

    /// Gives an image of the store another name. What has a name is complete in the store, for any tool that reads
    /// it as a layout: layers that were only there as files are written as blobs.
    ///
    /// # Errors
    /// [`BuildErrorKind::Option`] for a name with a digest, [`BuildErrorKind::Image`] and [`BuildErrorKind::Store`].
    pub fn tag(&self, image: &ImageRecord, name: &Reference, cancel: &CancelToken) -> Result<(), BuildError> {
        name.check_as_name().map_err(|error| BuildErrorKind::Option(error.into()))?;
        let _hold = self.store.hold();
        self.complete(image, cancel)?;
        for part in crate::image::read_all(&self.store, image)?.images {
            for (index, layer) in part.layers.iter().enumerate() {
                // Others came as blobs.
                if part.diff_ids.get(index) == Some(&layer.digest) {
                    let chain = &part.diff_ids[..=index];
                    self.snapshots.ensure_blob(chain, cancel).map_err(crate::image::ImageError::from)?;
                }
            }
        }
        Ok(self.store.tag(&ImageRecord { name: name.to_string(), ..image.clone() })?)
    }

    /// Returns the same builder, which reaches registries in another way.
    #[cfg(feature = "registry")]
    #[must_use]
    pub fn reaching(&self, registry: crate::registry::RegistryOptions) -> Self {
        Self { registry, ..self.clone() }
    }

    /// Returns the store.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Returns the snapshots.
    pub fn snapshots(&self) -> &Snapshots {
        &self.snapshots
    }
}
