//! File-system tools: errors that name paths, atomic writes, locks, walks, resolution inside an untrusted
//! root.

pub mod accounts;
pub mod entry;
mod path_error;
pub mod root;

pub use path_error::{PathContext, PathError};
