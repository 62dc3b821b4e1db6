//! Cache keys: what a step can see, by content and nothing else.
//!
//! A key is a BLAKE3 digest over a documented encoding: the version constant, then a sequence of fields, each
//! as (length of name, name, length of value, value), lengths as 64-bit little-endian. Lists are one field an
//! element preceded by a field that holds their count. Times of files, names of stages and tags, comments and
//! line breaks of the Dockerfile are in no key.
//!
//! A filesystem enters a key by its [`FilesystemContent`]: the contents of its layers without their times.
//! So a step that runs again and leaves the same files does not disturb what follows (early cut-off).

pub mod explain;
mod files;
mod key;
pub mod shared;

pub use files::FileList;
pub use key::{CacheKey, FilesystemContent, KeyBuilder, KeyPart};
