//! File-system tools: errors that name paths, atomic writes, locks, walks, resolution inside an untrusted
//! root.

pub mod accounts;
mod counted;
pub mod create;
pub mod entry;
pub mod extract;
pub mod name;
pub mod owner;
mod path_error;
mod replace;
pub mod root;
pub(crate) mod tar_stream;

pub use counted::Counted;
pub use path_error::{PathContext, PathError};
pub(crate) use replace::replace;
