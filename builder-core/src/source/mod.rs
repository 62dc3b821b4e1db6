//! What comes from outside, resolved to a digest and then fetched: images in the store, in OCI layouts and in
//! archives, root filesystems as archives, programs of this machine, files of web servers, git repositories.

mod archive;
mod changes;
mod error;
mod fetch;
pub mod git;
pub mod host;
#[cfg(feature = "registry")]
pub mod http;
#[cfg(feature = "registry")]
mod known_places;
pub(crate) mod layout;
mod outside;
mod recalled;
#[cfg(feature = "registry")]
mod remote;
mod rootfs;

use std::path::PathBuf;

pub use archive::{LoadRequest, LoadedImage, load_directory, unpack_archive};
pub use changes::{ChangeError, apply as apply_changes};
pub use error::SourceError;
#[cfg(feature = "registry")]
pub use fetch::fetch_blobs;
pub use fetch::{Progress, fetch, has_blobs, is_fetched};
#[cfg(feature = "registry")]
pub use known_places::fetch_from_known_places;
pub use layout::{resolve_layout, resolve_stored};
pub use outside::Outside;
pub use recalled::recall;
#[cfg(feature = "registry")]
pub use remote::{fetch_whole, resolve_remote};
pub use rootfs::{ImportRequest, import};

use crate::digest::Digest;
use crate::oci::{BlobDescriptor, ImageConfig};
use crate::platform::Platform;

/// An image whose manifest and config are known.
#[derive(Clone, PartialEq, Debug)]
pub struct Resolved {
    /// The reference or path to show for it.
    pub display: String,
    /// The digest of its manifest.
    pub manifest: Digest,
    /// The manifest itself, every byte as it was.
    pub manifest_bytes: Vec<u8>,
    /// The media type of the manifest.
    pub media_type: String,
    /// Its config.
    pub config: ImageConfig,
    /// The digest of its config.
    pub config_digest: Digest,
    /// The config itself, every byte as it was.
    pub config_bytes: Vec<u8>,
    /// Its layers, bottom first.
    pub layers: Vec<BlobDescriptor>,
    /// The index that it was chosen from, where there is one.
    pub index: Option<ResolvedIndex>,
    /// Where its blobs are.
    pub origin: Origin,
}

impl Resolved {
    /// Makes sure that it is for a platform that somebody asked for. Who asks for none takes what there is.
    ///
    /// # Errors
    /// [`SourceError::PlatformMismatch`].
    pub fn check_platform(&self, wanted: &Platform) -> Result<(), SourceError> {
        let found = self.config.platform();
        if wanted.rank(&found).is_some() {
            return Ok(());
        }
        let (name, wanted) = (self.display.clone(), wanted.clone());
        Err(SourceError::PlatformMismatch { name, found, wanted })
    }
}

/// The index that an image was chosen from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ResolvedIndex {
    /// Its digest.
    pub digest: Digest,
    /// Its size in bytes.
    pub size: u64,
    /// Its media type.
    pub media_type: String,
    /// What it names.
    pub members: Vec<Digest>,
}

/// Where the blobs of an image are.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Origin {
    /// In the store.
    Store,
    /// In an OCI layout directory.
    Layout(PathBuf),
    /// In a registry, reached by the client that resolved the image: it has the token already.
    #[cfg(feature = "registry")]
    Registry(std::sync::Arc<crate::registry::Client>),
}

impl Origin {
    /// Returns the full reference of an image that is in a registry.
    pub fn registry_image(&self) -> Option<String> {
        match self {
            #[cfg(feature = "registry")]
            Self::Registry(client) => Some(client.reference().to_string()),
            Self::Store | Self::Layout(_) => None,
        }
    }
}
