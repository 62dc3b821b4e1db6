//! What a system call answered, with its meaning where the number alone would not help.

use std::io;
use std::path::PathBuf;

/// A system call failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SysError {
    /// The kernel refused a call that concerns no path.
    #[error("system call `{call}` failed")]
    Call {
        /// The call, with the argument that tells it from its siblings.
        call: &'static str,
        /// What the kernel answered.
        #[source]
        source: io::Error,
    },
    /// The kernel refused a call on a path of the host.
    #[error("system call `{call}` failed on `{}`", path.display())]
    Path {
        /// The call.
        call: &'static str,
        /// The path, of the host.
        path: PathBuf,
        /// What the kernel answered.
        #[source]
        source: io::Error,
    },
    /// The kernel did not accept a file system.
    #[error("cannot set up a file system of type `{filesystem}` at `{step}`{}", detail_suffix(detail))]
    Filesystem {
        /// The type of the file system.
        filesystem: &'static str,
        /// The option or command that failed.
        step: &'static str,
        /// What the kernel's log of this mount says; may be empty.
        detail: String,
        /// What the kernel answered.
        #[source]
        source: io::Error,
    },
    /// The kernel is too old for what was asked.
    #[error("this kernel has no `{feature}`: Linux {since} or newer is needed")]
    Unsupported {
        /// What is missing.
        feature: &'static str,
        /// The first version that has it.
        since: &'static str,
    },
    /// An overlay needs at least one lower directory and takes at most a fixed number.
    #[error("an overlay takes 1 to {max} lower directories, not {count}")]
    LayerCount {
        /// How many there were.
        count: usize,
        /// How many there may be.
        max: usize,
    },
    /// A text that goes to the kernel holds a zero byte.
    #[error("a {what} must not hold a zero byte")]
    ZeroByte {
        /// What the text is.
        what: &'static str,
    },
}

fn detail_suffix(detail: &str) -> String {
    if detail.is_empty() { String::new() } else { format!(": {detail}") }
}

impl SysError {
    /// Returns what the kernel answered, where it was the kernel that refused.
    pub fn errno(&self) -> Option<i32> {
        match self {
            Self::Call { source, .. } | Self::Path { source, .. } | Self::Filesystem { source, .. } => {
                source.raw_os_error()
            }
            Self::Unsupported { .. } | Self::LayerCount { .. } | Self::ZeroByte { .. } => None,
        }
    }
}
