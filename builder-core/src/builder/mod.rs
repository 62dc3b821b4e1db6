//! The front door: options in, outcome out.

mod options;

pub use options::{
    BuildOptions, Compression, ContextSource, DockerfileSource, ExportTarget, NamedContextSource, Output, OutputKind,
    PullPolicy,
};
