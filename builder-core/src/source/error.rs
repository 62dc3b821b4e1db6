//! Why something from outside cannot be had.

use std::path::PathBuf;

use crate::cancel::Cancelled;
use crate::digest::Digest;
use crate::fs::PathError;
use crate::oci::{DocumentError, SelectError};
use crate::platform::Platform;
use crate::remote::Checksum;
use crate::snapshot::SnapshotError;
use crate::store::StoreError;

/// An image or archive could not be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SourceError {
    /// No image has this name.
    #[error("image `{name}` is not in the store")]
    NotFound {
        /// The full reference.
        name: String,
    },
    /// The file is no archive, or a damaged one.
    #[error("`{}` is no archive of an image, or a damaged one", path.display())]
    Unpack {
        /// The file, as it was given.
        path: PathBuf,
        /// Why.
        #[source]
        source: Box<SourceError>,
    },
    /// The archive has no byte.
    #[error("the archive is empty: not even the end of an archive is in it")]
    EmptyArchive,
    /// The directory or archive is no image.
    #[error("`{}` is neither an OCI image layout nor an archive made by `docker save`", path.display())]
    NotAnImage {
        /// The path.
        path: PathBuf,
    },
    /// An OCI layout has no image of that name, or several without a name to choose by.
    #[error("`{}` has {}", path.display(), fitting(*found, wanted.as_deref(), names))]
    Ambiguous {
        /// The layout.
        path: PathBuf,
        /// The name that was asked for.
        wanted: Option<String>,
        /// How many fit.
        found: usize,
        /// The names that it has, with commas between them.
        names: String,
    },
    /// What an image is to be named after is no name, or says what the image is and is not true.
    #[error(transparent)]
    Name(#[from] crate::reference::ReferenceError),
    /// A change of an import cannot be made.
    #[error(transparent)]
    Change(#[from] super::ChangeError),
    /// A manifest, index or config cannot be used.
    #[error(transparent)]
    Document(#[from] DocumentError),
    /// No image of an index fits the platform.
    #[error(transparent)]
    Select(#[from] SelectError),
    /// An archive has an image for another platform than the one that was asked for.
    #[error("the archive has `{name}` for {found}, and not for {wanted}")]
    WrongPlatform {
        /// The full reference, or a file of the archive.
        name: String,
        /// The platform of the image.
        found: Platform,
        /// The platform that was asked for.
        wanted: Platform,
    },
    /// A file is missing in an archive.
    #[error("the archive has no file `{0}`")]
    MissingFile(String),
    /// The archive's `manifest.json` or `index.json` is not what it should be.
    #[error("`{name}` of the archive is damaged")]
    Damaged {
        /// The file.
        name: String,
        /// What the reader said.
        #[source]
        source: serde_json::Error,
    },
    /// The images of an archive have more names than anybody gives.
    #[error("the archive gives its images {count} names, at most {limit} are supported")]
    TooManyNames {
        /// How many it gives.
        count: usize,
        /// The limit.
        limit: usize,
    },
    /// A document is larger than any real one.
    #[error("`{name}` has more than {limit} bytes")]
    TooLarge {
        /// The file.
        name: String,
        /// The limit, in bytes.
        limit: u64,
    },
    /// A blob has another digest than its name says.
    #[error("blob {expected} of `{}` has digest {found}", path.display())]
    Mismatch {
        /// The layout.
        path: PathBuf,
        /// The digest asked for.
        expected: Digest,
        /// The digest of the bytes.
        found: Digest,
    },
    /// An image of a layer count that does not match its config.
    #[error("the image has {layers} layers, and its config names {diff_ids}")]
    LayerCount {
        /// Layers of the manifest.
        layers: usize,
        /// Diff IDs of the config.
        diff_ids: usize,
    },
    /// A registry could not give the image.
    #[cfg(feature = "registry")]
    #[error(transparent)]
    Registry(Box<crate::registry::RegistryError>),
    /// A layer of an image of the store is not there, and no registry that is known to have it gives it.
    #[cfg(feature = "registry")]
    #[error("layer {digest} is not in the store, and cannot be had from where it is known to be")]
    Gone {
        /// The layer, as its manifest names it.
        digest: Digest,
        /// What the last registry said.
        #[source]
        source: Box<crate::registry::RegistryError>,
    },
    /// A web server could not give a file.
    #[cfg(feature = "registry")]
    #[error(transparent)]
    Web(Box<crate::registry::web::WebError>),
    /// A file of a web server is not what it should be. The text is BuildKit's.
    #[error("digest mismatch for {url}: {found} (expected: {expected})")]
    Checksum {
        /// Its address.
        url: String,
        /// The checksum of what came.
        found: Checksum,
        /// The one that was given.
        expected: Checksum,
    },
    /// A git repository could not be had.
    #[error(transparent)]
    Git(Box<super::git::GitError>),
    /// A secret that is to open a server could not be read.
    #[error("cannot read the secret `{id}`")]
    Secret {
        /// Its id.
        id: String,
        /// Why.
        #[source]
        source: crate::secret::SecretError,
    },
    /// This builder was made without a client for what the source is.
    #[error("this builder was built without support for {0}")]
    Unsupported(&'static str),
    /// A layer that a registry gave cannot be unpacked.
    #[error("layer {digest} of `{name}` cannot be unpacked")]
    Layer {
        /// The full reference.
        name: String,
        /// The layer, as its manifest names it.
        digest: Digest,
        /// Why.
        #[source]
        source: Box<SourceError>,
    },
    /// The image is for one platform, and somebody asked for another. The words are docker's.
    #[error("image `{name}` was found but its platform ({found}) does not match the specified platform ({wanted})")]
    PlatformMismatch {
        /// The full reference.
        name: String,
        /// The platform of the image.
        found: Platform,
        /// The platform that was asked for.
        wanted: Platform,
    },
    /// The store has the image for another platform only, and its registry does not give the wanted one.
    #[error("the store has `{name}` for {found}, and the build is for {wanted}")]
    OtherPlatform {
        /// The full reference.
        name: String,
        /// The platform of the image in the store.
        found: Platform,
        /// The platform of the build.
        wanted: Platform,
        /// Why the wanted one cannot be had.
        #[source]
        source: Box<SourceError>,
    },
    /// A stream could not be read.
    #[error("cannot read the archive")]
    Read(#[source] std::io::Error),
    /// A file could not be used.
    #[error(transparent)]
    Path(#[from] PathError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A layer could not be unpacked.
    #[error(transparent)]
    Snapshot(#[from] SnapshotError),
    /// The operation was cancelled.
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
}

impl From<super::git::GitError> for SourceError {
    fn from(error: super::git::GitError) -> Self {
        Self::Git(Box::new(error))
    }
}

impl SourceError {
    /// Tells whether the operation was cancelled rather than failed.
    pub fn is_cancelled(&self) -> bool {
        match self {
            Self::Cancelled(_) | Self::Store(StoreError::Cancelled(_)) => true,
            Self::Snapshot(error) => error.is_cancelled(),
            #[cfg(feature = "registry")]
            Self::Web(error) => matches!(**error, crate::registry::web::WebError::Cancelled(_)),
            Self::Git(error) => matches!(**error, super::git::GitError::Cancelled(_)),
            _ => false,
        }
    }

    /// Tells whether it is about what an ADD or a context fetches, and not about an image.
    pub fn is_remote_file(&self) -> bool {
        match self {
            #[cfg(feature = "registry")]
            Self::Web(_) => true,
            Self::Checksum { .. } | Self::Git(_) | Self::Secret { .. } => true,
            _ => false,
        }
    }

    /// Tells whether a server, or the way to it, is to blame.
    pub fn is_registry(&self) -> bool {
        match self {
            #[cfg(feature = "registry")]
            Self::Registry(_) | Self::Web(_) | Self::Gone { .. } => true,
            Self::Git(error) => error.is_server(),
            Self::Layer { .. } => true,
            _ => false,
        }
    }

    /// Tells whether the content of an archive or layer is to blame, and not the one who reads it.
    pub(super) fn is_content(&self) -> bool {
        match self {
            Self::Read(_) => true,
            Self::Snapshot(SnapshotError::Layer(error)) => error.is_content(),
            Self::Snapshot(error) => matches!(error, SnapshotError::DiffId { .. }),
            _ => false,
        }
    }

    /// Returns what to do about a base image that cannot be had.
    pub fn hint_for_base(&self) -> Option<String> {
        match self {
            #[cfg(feature = "registry")]
            Self::Registry(error) if matches!(**error, crate::registry::RegistryError::Unreachable { .. }) => Some(
                "without a network, take the base from elsewhere: `builder load`, `builder import FILE NAME`, or \
                 `--build-context NAME=oci-layout://PATH`, `NAME=host:sh,ls` or a directory"
                    .to_owned(),
            ),
            _ => self.hint(),
        }
    }

    /// Returns what to do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            #[cfg(feature = "registry")]
            Self::Registry(error) => error.hint(),
            #[cfg(feature = "registry")]
            Self::Web(error) => error.hint(),
            #[cfg(feature = "registry")]
            Self::Gone { digest, .. } => SnapshotError::Missing { diff_id: *digest }.hint(),
            Self::Git(error) => error.hint(),
            Self::Checksum { .. } => {
                Some("what the server gives has changed, or is not what you think it is".to_owned())
            }
            Self::NotFound { .. } => Some(
                "load it with `builder load`, import a root filesystem with `builder import FILE NAME`, or give a \
                 context for the name: `--build-context NAME=oci-layout://PATH`, `NAME=host:sh,ls` or a directory"
                    .to_owned(),
            ),
            Self::OtherPlatform { found, .. } => {
                Some(format!("build for the platform that the image has: `--platform {found}`"))
            }
            Self::PlatformMismatch { found, .. } => {
                Some(format!("leave out `--platform`, or give the one that the image has: `--platform {found}`"))
            }
            Self::Ambiguous { names, .. } if names.is_empty() => {
                Some("name one by its digest: `oci-layout://PATH@sha256:…`".to_owned())
            }
            Self::Ambiguous { .. } => Some("name one: `oci-layout://PATH:NAME`".to_owned()),
            _ => None,
        }
    }
}

/// What a layout has instead of the one image that is looked for.
fn fitting(found: usize, wanted: Option<&str>, names: &str) -> String {
    let what = match (found, wanted) {
        (0, Some(wanted)) => format!("no image named `{wanted}`"),
        (0, None) => return "no image".to_owned(),
        (found, Some(wanted)) => format!("{found} images named `{wanted}`"),
        (found, None) => format!("{found} images, and none of them was named"),
    };
    if names.is_empty() { format!("{what}; none of its images has a name") } else { format!("{what}; it has: {names}") }
}
