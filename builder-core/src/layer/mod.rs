//! Layers: deterministic tar out of a directory, hostile tar into a directory, compression.
//!
//! A layer directory is the upper directory of an overlay mount: a removed path is a character device 0:0,
//! a directory that hides what is below carries the attribute `overlay.opaque`. [`write_layer`] turns it into a
//! tar with OCI whiteouts, [`unpack`] does the reverse.
//!
//! Spec: OCI image-spec 1.1, layer.md; kernel: Documentation/filesystems/overlayfs.rst.

pub mod blocks;
mod codec;
pub mod compression;
mod error;
mod graft;
mod header;
mod left_out;
mod lower;
mod noise;
mod read_ahead;
mod stream;
mod unpack;
mod workers;
mod write;
mod xattrs;

use std::os::fd::AsFd;

use rustix::io::Errno;
use serde::{Deserialize, Serialize};

pub(crate) use blocks::{Codec, CompressError, compress_stream};
pub use error::LayerError;
pub(crate) use graft::{Attributes, Graft, GraftWriter};
pub use left_out::LeftOut;
pub(crate) use left_out::{Device, Devices};
pub(crate) use read_ahead::{copy_ahead, read_ahead};
pub(crate) use stream::stream;
pub use unpack::unpack;
pub(crate) use unpack::unpack_noting;
pub use write::{Tree, write_layer, write_trees};
pub(crate) use write::{write_grafted_layer, write_layer_beside, write_layer_upon};

use crate::digest::Digest;

/// The name prefix of a whiteout.
pub(crate) const WHITEOUT_PREFIX: &str = ".wh.";
/// The name of the entry that hides everything below its directory.
pub(crate) const OPAQUE_WHITEOUT: &str = ".wh..wh..opq";

/// Which attributes overlayfs uses: `trusted.` in the initial user namespace, `user.` elsewhere.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum OverlayFlavor {
    /// `trusted.overlay.*`: root.
    Trusted,
    /// `user.overlay.*`: mounts with `userxattr`.
    User,
}

impl OverlayFlavor {
    /// Returns the name of the attribute that marks an opaque directory.
    pub(crate) fn opaque(self) -> &'static str {
        match self {
            Self::Trusted => "trusted.overlay.opaque",
            Self::User => "user.overlay.opaque",
        }
    }

    /// Tells whether a directory of a layer hides what is below.
    ///
    /// # Errors
    /// Those of the system, but not that there are no attributes; and that it is marked with something else.
    pub(crate) fn is_opaque(self, directory: impl AsFd) -> std::io::Result<bool> {
        let mut value = [0_u8; 4];
        match rustix::fs::fgetxattr(directory, self.opaque(), &mut value) {
            Ok(1) if value.starts_with(b"y") => Ok(true),
            Ok(_) => Err(std::io::ErrorKind::InvalidData.into()),
            Err(Errno::NODATA | Errno::OPNOTSUPP) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }
}

/// What a layer holds, without times: BLAKE3 over its entries.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct ContentId(pub [u8; 32]);

/// What is known of a layer once its tar has been written or read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LayerSummary {
    /// The digest of the uncompressed tar.
    pub diff_id: Digest,
    /// The size of that tar, in bytes.
    pub size: u64,
    /// Its content without times.
    pub content: ContentId,
    /// The number of entries.
    pub entries: u64,
    /// Whether it has device nodes that could not be made of it here.
    pub left_out: bool,
}

#[cfg(test)]
mod tests;
