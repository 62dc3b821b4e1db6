//! Writes images and root filesystems to files, directories, streams and registries. Layer blobs are made here, late.

mod archive;
mod cache;
mod entries;
mod error;
mod file;
mod hidden;
mod in_place;
mod left_out;
#[cfg(feature = "registry")]
mod registry;
mod rootfs;

pub use archive::{ExportImage, Format, verify_blobs, write_archive, write_layout};
pub use cache::{CacheBlob, cache_manifest, write_cache_layout};
#[cfg(feature = "registry")]
pub use cache::{CacheToPush, push_cache};
pub use error::ExportError;
pub use file::{InPlaceFile, Target, is_stream, write_file};
pub use in_place::write_in_place;
#[cfg(feature = "registry")]
pub use registry::{PushImage, PushList, PushRequest, PushSummary, for_registry, push};
pub use rootfs::{ListedFile, RootFilesystem, check_merge, list, write_directory, write_tar};
