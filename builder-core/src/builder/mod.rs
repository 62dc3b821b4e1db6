//! The front door: options in, outcome out.

mod options;

pub use crate::layer::compression::Compression;
pub use options::{
    BuildOptions, ContextSource, DockerfileSource, ExportTarget, NamedContextSource, Output, OutputKind, PullPolicy,
};
