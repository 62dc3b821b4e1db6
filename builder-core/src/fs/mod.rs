//! File-system tools: errors that name paths, atomic writes, locks, walks, resolution inside an untrusted
//! root.

mod path_error;

pub use path_error::{PathContext, PathError};
